"""A flow log's octets to flows, whatever log it is: what is whole of them, and what must be known to go on."""

from __future__ import annotations

from typing import Any

from ingest.aws_flows import AwsFlows
from ingest.azure_flows import AzureFlows
from ingest.blocks import Block
from ingest.flow_rows import Taken
from ingest.flow_text import TextFlows
from ingest.json_growing import grown
from ingest.positions import GrowingPosition
from ingest.zeek_flows import ZeekFlows, ZeekJson

_JSON: dict[str, type[AzureFlows | ZeekJson]] = {"azure_flows": AzureFlows, "zeek_json": ZeekJson}
_TEXT: dict[str, type[TextFlows]] = {"aws_flows": AwsFlows, "zeek_flows": ZeekFlows}
KINDS = frozenset((*_JSON, *_TEXT))


class FlowLogReader:
    """One source's octets, from a position on."""

    def __init__(self, source: str, at: GrowingPosition) -> None:
        self._json: AzureFlows | ZeekJson | None = None
        self._text: TextFlows | None = None
        if at.content in _JSON:
            self._json = _JSON[at.content](source, at.number)
        else:
            self._text = _TEXT[at.content](source, at.number, list(at.header))

    def feed(self, data: bytes, form: Any, at_end: bool) -> tuple[Block, int, dict[str, Any]]:
        """What is whole so far, how many octets are done with, and what is new in the position."""
        if self._json is not None:
            pieces, used, form = grown(data, form, at_end)
            taken = self._json.read(pieces)
            return _block(taken), used, {"form": form, "number": self._json.number}
        assert self._text is not None
        taken, used, is_long = self._text.feed(data, form == "long", at_end)
        form = "long" if is_long else "lines"
        return _block(taken), used, {"form": form, "number": self._text.number, "header": self._text.header()}


def _block(taken: Taken) -> Block:
    return Block(flows=taken.flows(), rejected=taken.rejected, filtered=taken.filtered, read=taken.read)
