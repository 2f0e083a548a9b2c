"""CBOR for schemathesis, which speaks JSON alone: bodies are sent in it, and answers in it are read."""

import cbor2
import schemathesis


@schemathesis.serializer("application/cbor")
def write(ctx, value):
    return value if isinstance(value, bytes) else cbor2.dumps(value)


@schemathesis.deserializer("application/cbor")
def read(ctx, response):
    return cbor2.loads(response.content)
