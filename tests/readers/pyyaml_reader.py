"""Reads YAML texts from standard input, separated by NUL bytes, as the ingestion image does, and prints one line of
JSON for each with its one document: {"value": ...}, {"special": what JSON does not have} or {"error": ...}."""

import datetime
import json
import math
import sys

import yaml


class Special(Exception):
    pass


def plain(value):
    """The value as JSON has it."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise Special("key")
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise Special("not finite")
    if isinstance(value, (datetime.date, datetime.datetime)):
        raise Special("date")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise Special(type(value).__name__)


def answer(document):
    try:
        documents = [plain(value) for value in yaml.load_all(document, Loader=yaml.SafeLoader)]
        documents = [value for value in documents if value is not None] or [None]
        return {"value": documents[0]} if len(documents) == 1 else {"special": "documents"}
    except Special as special:
        return {"special": str(special)}
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        return {"error": str(error) or type(error).__name__}
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        return {"error": "broken: " + repr(error)}


sys.set_int_max_str_digits(0)
for text in sys.stdin.buffer.read().split(b"\0"):
    print(json.dumps(answer(text.decode("utf-8"))))
