"""The charts of report.pdf: vectors on the page, thinned for the eye, with axes that a person can read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from backtest import report_curves as curves
from backtest import report_words as words
from backtest.report import Finished
from backtest.report_pdf_axes import roomy, round_steps, span, times
from backtest.report_pdf_fonts import REGULAR, safe

INK, SOFT, RULE = HexColor("#17202b"), HexColor("#566576"), HexColor("#d5dde6")
GAIN, LOSS, STOP = HexColor("#0072b2"), HexColor("#d55e00"), HexColor("#7d4aa8")
DOTTED = (2, 1.5)
POINTS = 900  # a line on paper is not finer
MOST_SIGNS = 160  # more trades than this hide the price
Draw = Callable[[Canvas, "Frame"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    equity: Flowable
    underwater: Flowable
    price: Flowable
    bins: Flowable
    voices: Flowable


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where values come to lie on the page."""

    left: float
    bottom: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, value: float) -> float:
        return self.left + (value - self.x[0]) / ((self.x[1] - self.x[0]) or 1) * self.width

    def up(self, value: float) -> float:
        return self.bottom + (value - self.y[0]) / ((self.y[1] - self.y[0]) or 1) * self.height


class Chart(Flowable):  # type: ignore[misc]
    """A frame with ticks on both axes, and in it what `draws` draw."""

    def __init__(
        self,
        size: tuple[float, float],
        x: tuple[float, float],
        y: tuple[float, float],
        draws: Sequence[Draw],
        *,
        across: Sequence[tuple[float, str]],
        upward: Callable[[float], str],
        legend: Sequence[tuple[str, Color, tuple[float, ...]]] = (),
    ) -> None:
        super().__init__()
        self.width, self.height = size
        self.x, self.y, self.draws, self.across, self.upward, self.legend = x, y, draws, across, upward, legend

    def draw(self) -> None:
        canvas: Canvas = self.canv
        top = 14 if self.legend else 4
        ticks = round_steps(*self.y, max(3, int(self.height / 28)))
        left = max((stringWidth(self.upward(tick), REGULAR, 7) for tick in ticks), default=20) + 6
        frame = Frame(
            left=left, bottom=14, width=self.width - left - 14, height=self.height - 14 - top, x=self.x, y=self.y
        )
        canvas.setFont(REGULAR, 7)
        canvas.setLineWidth(0.4)
        canvas.setStrokeColor(RULE)
        canvas.setFillColor(SOFT)
        for tick in ticks:
            canvas.line(frame.left, frame.up(tick), frame.left + frame.width, frame.up(tick))
            canvas.drawRightString(frame.left - 4, frame.up(tick) - 2.5, self.upward(tick))
        for value, label in self.across:
            canvas.line(frame.at(value), frame.bottom - 2, frame.at(value), frame.bottom)
            canvas.drawCentredString(frame.at(value), frame.bottom - 10, label)
        canvas.saveState()
        clip = canvas.beginPath()
        clip.rect(frame.left, frame.bottom - 1, frame.width + 3, frame.height + 2)
        canvas.clipPath(clip, stroke=0, fill=0)
        for each in self.draws:
            each(canvas, frame)
        canvas.restoreState()
        self._legend(canvas, frame)

    def _legend(self, canvas: Canvas, frame: Frame) -> None:
        at = frame.left
        for name, colour, dash in self.legend:
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(1.2)
            canvas.setDash(*dash)
            canvas.line(at, self.height - 5, at + 12, self.height - 5)
            canvas.setDash()
            canvas.setFillColor(INK)
            canvas.setFont(REGULAR, 7)
            canvas.drawString(at + 16, self.height - 7.5, name)
            at += 30 + stringWidth(name, REGULAR, 7)


class Voices(Flowable):  # type: ignore[misc]
    """A bar per strategy, from zero to what it brought."""

    ROW = 20

    def __init__(self, width: float, rows: Sequence[tuple[str, int, float]], sign: str) -> None:
        super().__init__()
        self.rows, self.sign = rows[:12], sign
        self.width, self.height = width, max(1, len(self.rows)) * self.ROW + 4

    def draw(self) -> None:
        canvas: Canvas = self.canv
        canvas.setFont(REGULAR, 8)
        if not self.rows:
            canvas.setFillColor(SOFT)
            canvas.drawString(0, 6, "No strategy's vote led to a closed trade.")
            return
        low, high = min(0.0, *[row[2] for row in self.rows]), max(0.0, *[row[2] for row in self.rows])
        left, right = self.width * 0.25, self.width * 0.7
        frame = Frame(left=left, bottom=0, width=right - left, height=1, x=(low, high), y=(0, 1))
        for place, (name, count, value) in enumerate(self.rows):
            bottom = self.height - (place + 1) * self.ROW
            canvas.setFillColor(INK)
            canvas.drawString(0, bottom + 6, plain(name.replace("_", " "))[:34])
            said = f"{words.money(value, self.sign, signed=True)}  ·  {count:,} {'trade' if count == 1 else 'trades'}"
            canvas.drawRightString(self.width, bottom + 6, said)
            canvas.setFillColor(LOSS if value < 0 else GAIN)
            start, end = sorted((frame.at(0), frame.at(value)))
            canvas.rect(start, bottom + 3, max(end - start, 0.6), self.ROW - 8, stroke=0, fill=1)
        canvas.setStrokeColor(SOFT)
        canvas.setLineWidth(0.6)
        canvas.line(frame.at(0), 0, frame.at(0), self.height)


def plain(name: str) -> str:
    """A name for a chart, where there is no markup to change the font."""
    return "".join(sign if safe(sign) == sign else "?" for sign in name)


def charts_of(run: Finished, width: float) -> Charts:
    return Charts(
        equity=equity(run, width),
        underwater=underwater(run, width),
        price=price(run, width),
        bins=bins(run, width),
        voices=Voices(width, words.contributions(run), words.currency(run)),
    )


def equity(run: Finished, width: float) -> Chart:
    own, held, sign = curves.equity(run, POINTS), curves.held(run), words.currency(run)
    held = curves.thin(held.at_ms, held.value, POINTS)
    legend: list[tuple[str, Color, tuple[float, ...]]] = [("The bot", INK, ())]
    legend += [("Buy and hold", SOFT, DOTTED)] if len(held.value) else []
    draws = [stroke(held, SOFT, 0.8, dash=DOTTED), stroke(own, INK, 1.2)]
    lows = [float(line.value.min()) for line in (own, held) if len(line.value)]
    highs = [float(line.value.max()) for line in (own, held) if len(line.value)]
    x = span(own)
    return Chart(
        (width, 165),
        x,
        roomy(min(lows), max(highs)),
        draws,
        across=times(*x),
        upward=lambda value: words.money(value, sign, digits=0),
        legend=legend,
    )


def underwater(run: Finished, width: float) -> Chart:
    under = curves.underwater(run, POINTS)
    x = span(under)
    low = min(float(under.value.min()), -0.01)
    return Chart(
        (width, 95),
        x,
        (low * 1.05, 0),
        [area(under, LOSS), stroke(under, LOSS, 0.8)],
        across=times(*x),
        upward=lambda value: words.percent(value, 0 if low < -5 else 2),
    )


def price(run: Finished, width: float) -> Chart:
    candles = run.price
    line = curves.thin(candles.ts, candles.close, POINTS * 2)
    ends = [curves.from_the_start(run)[0][0], int(run.at_ms[-1]) if len(run.at_ms) else 0]
    x = (float(min(ends)), float(max(ends)))
    levels = [row.entry_price for row in run.trades] + [row.exit_price for row in run.trades]
    lows, highs = [*candles.low.tolist(), *levels], [*candles.high.tolist(), *levels]
    y, sign = roomy(min(lows, default=0.0), max(highs, default=1.0)), words.currency(run)
    draws = [stroke(line, SOFT, 0.6), lambda canvas, frame: stops(canvas, frame, run)]
    draws.append(lambda canvas, frame: signs(canvas, frame, run))
    return Chart((width, 200), x, y, draws, across=times(*x), upward=lambda value: words.money(value, sign, digits=0))


def bins(run: Finished, width: float) -> Flowable:
    found = curves.bins(run)
    if not found.counts:
        return Voices(width, [], "")
    edges, counts = found.edges, found.counts

    def bars(canvas: Canvas, frame: Frame) -> None:
        for left, right, count in zip(edges, edges[1:], counts, strict=False):
            if not count:
                continue
            canvas.setFillColor(LOSS if (left + right) < 0 else GAIN)
            at, end = frame.at(left) + 0.6, frame.at(right) - 0.6
            canvas.rect(at, frame.up(0), end - at, frame.up(count) - frame.up(0), stroke=0, fill=1)

    x = (edges[0], edges[-1])
    digits = 0 if x[1] - x[0] >= 8 else 1 if x[1] - x[0] >= 1 else 2
    across = [(tick, words.percent(tick, digits, signed=True)) for tick in round_steps(*x, 9)]
    return Chart(
        (width, 120), x, (0, max(counts) * 1.06), [bars], across=across, upward=lambda value: words.number(value, 0)
    )


# ---------------------------------------------------------------- parts of a chart


def stroke(line: curves.Line, colour: Color, thick: float, dash: tuple[float, ...] = ()) -> Draw:
    def drawn(canvas: Canvas, frame: Frame) -> None:
        if not len(line.value):
            return
        path = canvas.beginPath()
        path.moveTo(frame.at(line.at_ms[0]), frame.up(line.value[0]))
        for at, value in zip(line.at_ms.tolist(), line.value.tolist(), strict=True):
            path.lineTo(round(frame.at(at), 2), round(frame.up(value), 2))
        canvas.saveState()
        canvas.setStrokeColor(colour)
        canvas.setLineWidth(thick)
        canvas.setLineJoin(1)
        if dash:
            canvas.setDash(*dash)
        canvas.drawPath(path, stroke=1, fill=0)
        canvas.restoreState()

    return drawn


def area(line: curves.Line, colour: Color) -> Draw:
    def drawn(canvas: Canvas, frame: Frame) -> None:
        path = canvas.beginPath()
        path.moveTo(frame.at(line.at_ms[0]), frame.up(0))
        for at, value in zip(line.at_ms.tolist(), line.value.tolist(), strict=True):
            path.lineTo(round(frame.at(at), 2), round(frame.up(value), 2))
        path.lineTo(frame.at(line.at_ms[-1]), frame.up(0))
        path.close()
        canvas.saveState()
        canvas.setFillColor(colour, alpha=0.2)
        canvas.drawPath(path, stroke=0, fill=1)
        canvas.restoreState()

    return drawn


def stops(canvas: Canvas, frame: Frame, run: Finished) -> None:
    canvas.saveState()
    canvas.setStrokeColor(STOP)
    canvas.setLineWidth(0.5)
    canvas.setDash(1, 1)
    for stop in curves.stops(run) if len(run.stops) <= MOST_SIGNS else ():
        path = canvas.beginPath()
        path.moveTo(frame.at(stop.at_ms[0]), frame.up(stop.price[0]))
        for at, before, after in zip(stop.at_ms[1:], stop.price, stop.price[1:], strict=False):
            path.lineTo(frame.at(at), frame.up(before))
            path.lineTo(frame.at(at), frame.up(after))
        canvas.drawPath(path, stroke=1, fill=0)
    canvas.restoreState()


def signs(canvas: Canvas, frame: Frame, run: Finished) -> None:
    """Of very many trades those with the largest results, so that the price stays to be seen."""
    rows = sorted(run.trades, key=lambda row: -abs(row.profit_loss))[:MOST_SIGNS]
    size = 2.6 if len(rows) <= 60 else 1.9
    for row in sorted(rows, key=lambda row: row.opened_ms):
        start = frame.at(row.opened_ms), frame.up(row.entry_price)
        end = frame.at(row.closed_ms), frame.up(row.exit_price)
        colour = LOSS if row.profit_loss < 0 else GAIN
        canvas.setStrokeColor(colour)
        canvas.setFillColor(colour)
        canvas.setLineWidth(0.5)
        canvas.line(*start, *end)
        if row.profit_loss < 0:
            canvas.setLineWidth(0.9)
            canvas.line(end[0] - size * 0.7, end[1] - size * 0.7, end[0] + size * 0.7, end[1] + size * 0.7)
            canvas.line(end[0] - size * 0.7, end[1] + size * 0.7, end[0] + size * 0.7, end[1] - size * 0.7)
        else:
            canvas.circle(*end, size * 0.75, stroke=0, fill=1)
        triangle(canvas, *start, size)


def triangle(canvas: Canvas, x: float, y: float, size: float) -> None:
    path = canvas.beginPath()
    path.moveTo(x, y + size)
    path.lineTo(x + size * 0.9, y - size * 0.7)
    path.lineTo(x - size * 0.9, y - size * 0.7)
    path.close()
    canvas.setFillColor(HexColor("#ffffff"))
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.6)
    canvas.drawPath(path, stroke=1, fill=1)
