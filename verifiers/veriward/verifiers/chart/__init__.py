"""Charts, judged by the figures that code draws."""

from veriward.verifiers.chart.verifier import ChartTask, chart

__all__ = ["ChartTask", "chart"]
