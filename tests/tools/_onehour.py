from tests.tools import tuning
from tests.tools.tuning import *
from backtest.space import Space, Parameter
SPACE1=Space((Parameter(path="timeframe",values=("1h",)),)+tuning.SPACE.parameters[1:])
if __name__=="__main__":
    tuning.SPACE=SPACE1
    tuning.walked(Path('/work/shared/data/btc'))
