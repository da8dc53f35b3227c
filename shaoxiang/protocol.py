"""HTTP as the server speaks it: uvicorn's fast protocol, with an end to how long the head of a request may be."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEAD_AT_MOST", "BoundedProtocol"]

HEAD_AT_MOST = 1 << 16
"""Bytes of a request line and its headers together (our default); the parser alone would take any number."""


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose head goes on and on, so that nobody fills the memory before saying who he is."""

    _heading, _ended, _taken = True, False, 0

    def data_received(self, data: bytes) -> None:
        """Take what arrived; 400 for a head that is not complete after so many bytes."""
        self._ended = False
        super().data_received(data)
        if not self._heading or self._ended or self.transport.is_closing():
            return
        self._taken += len(data)
        if self._taken > HEAD_AT_MOST:
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._heading = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What follows is the head of the next request."""
        self._heading, self._ended, self._taken = True, True, 0
        super().on_message_complete()
