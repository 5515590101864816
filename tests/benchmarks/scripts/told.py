"""Print how many messages there are, and of how many the host has not heard yet."""

import json

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from flex_outbound.models import Message

if __name__ == "__main__":
    print(json.dumps({"all": Message.objects.count(), "untold": Message.objects.exclude(to_tell="").count()}))
