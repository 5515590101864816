"""Every metric is documented with its kind and its labels, and no other."""

import re
from pathlib import Path

import pytest
from prometheus_client import Metric

from flex_outbound.gateway.observe import Operation
from flex_outbound.metrics.database import DatabaseMetrics
from flex_outbound.metrics.process import REGISTRY

TEXT = (Path(__file__).resolve().parents[3] / "docs/metrics.md").read_text()
ROWS = {row[0]: row[1:] for row in re.findall(r"^\| `(flex_outbound_\w+)` \| (\w+) \|([^|]*)\|", TEXT, re.M)}


def _exposed(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _labels(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


@pytest.mark.django_db
def test_every_metric_is_documented_and_no_other() -> None:
    metrics = [*DatabaseMetrics().collect(), *REGISTRY.collect()]
    assert {_exposed(metric): metric.type for metric in metrics} == {name: row[0] for name, row in ROWS.items()}


@pytest.mark.django_db
def test_the_labels_are_documented() -> None:
    for metric in DatabaseMetrics().collect():
        for one in metric.samples:
            assert set(one.labels) == _labels(ROWS[_exposed(metric)][1])
    for collector in set(REGISTRY._collector_to_names):
        (metric,) = collector.collect()
        assert set(collector._labelnames) == _labels(ROWS[_exposed(metric)][1])  # type: ignore[attr-defined]


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_is_named(operation: Operation) -> None:
    assert f"`{operation}`" in TEXT
