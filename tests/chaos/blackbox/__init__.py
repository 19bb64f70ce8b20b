"""SIGKILL of the real live trader inside its order path, judged by the exchange: `make chaos-blackbox`."""
