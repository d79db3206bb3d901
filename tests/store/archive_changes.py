"""Ways to break or forge an archive: each takes a good one and changes one thing."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

from PIL import Image

from tests.store.archives import unpacked

Change = Callable[[bytes], bytes]


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def changed(archive: bytes, path: str, data: bytes | None) -> bytes:
    """Replace a file, or leave it out, and nothing else."""
    files = unpacked(archive) | ({} if data is None else {path: data})
    return packed({name: files[name] for name in files if name != path or data is not None})


def forged(path: str, data: bytes | Change) -> Change:
    """Replace a file and put its size and hash into the manifest."""

    def change(archive: bytes) -> bytes:
        fresh = data(unpacked(archive)[path]) if callable(data) else data
        archive = changed(archive, path, fresh)
        manifest = json.loads(unpacked(archive)["manifest.json"])
        for entry in manifest["files"]:
            if entry["path"] == path:
                entry |= {"bytes": len(fresh), "sha256": hashlib.sha256(fresh).hexdigest()}
        return changed(archive, "manifest.json", json.dumps(manifest).encode())

    return change


def told(where: str, value: Any) -> Change:
    """Change one value of the manifest: ``told("runs.0.step", -1)``; a function is called."""
    *path, last = [int(part) if part.isdigit() else part for part in where.split(".")]

    def change(archive: bytes) -> bytes:
        manifest = node = json.loads(unpacked(archive)["manifest.json"])
        for part in path:
            node = node[part]
        node[last] = value(node[last]) if callable(value) else value
        return changed(archive, "manifest.json", json.dumps(manifest).encode())

    return change


def untold(where: str) -> Change:
    """Take one value out of the manifest."""
    parent, _, last = where.rpartition(".")

    def drop(node: Any) -> Any:
        return {name: value for name, value in node.items() if name != last}

    return told(parent, drop)


def manifest_is(data: bytes) -> Change:
    return lambda archive: changed(archive, "manifest.json", data)


def settings(**values: Any) -> Change:
    return forged(
        "run-1/settings.json", lambda data: json.dumps(json.loads(data) | values).encode()
    )


def both(*changes: Change) -> Change:
    def change(archive: bytes) -> bytes:
        for one in changes:
            archive = one(archive)
        return archive

    return change


def rezipped(archive: bytes, change: Callable[[zipfile.ZipInfo], None], **options: Any) -> bytes:
    """Pack all files anew, each entry of the ZIP's directory changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as fresh:
        for path, data in unpacked(archive).items():
            info = zipfile.ZipInfo(path)
            info.compress_type = fresh.compression
            change(info)
            fresh.writestr(info, data)
    return buffer.getvalue()


def in_directory(
    archive: bytes, offset: int, value: bytes, path: str = "run-1/losses.csv"
) -> bytes:
    """Overwrite bytes of a file's entry in the ZIP's directory."""
    at = archive.rindex(b"PK\x01\x02", 0, archive.rindex(path.encode())) + offset
    return archive[:at] + value + archive[at + len(value) :]


def in_size(path: str, size: int) -> Change:
    """Declare another size in the ZIP's directory."""
    return lambda archive: in_directory(archive, 24, struct.pack("<L", size), path)


def with_file(path: str, data: bytes = b"evil") -> Change:
    return lambda archive: packed(unpacked(archive) | {path: data})


def moved(path: str, to: str) -> Change:
    """Give a file another name everywhere."""

    def change(archive: bytes) -> bytes:
        files = unpacked(archive)
        files[to] = files.pop(path)
        text = files["manifest.json"].decode().replace(json.dumps(path), json.dumps(to))
        return packed(files | {"manifest.json": text.encode()})

    return change


def link(archive: bytes) -> bytes:
    def change(info: zipfile.ZipInfo) -> None:
        if info.filename == "run-1/losses.csv":
            info.external_attr = 0o120777 << 16

    return rezipped(archive, change)


def twice(archive: bytes) -> bytes:
    buffer = io.BytesIO(archive)
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(buffer, "a") as again,
    ):
        again.writestr("run-1/losses.csv", "step\n")
    return buffer.getvalue()


def overlapping(archive: bytes) -> bytes:
    """Let one file begin where another does, as a ZIP bomb without nesting does."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        begin = opened.getinfo("run-1/settings.json").header_offset
    return in_directory(archive, 42, struct.pack("<L", begin))


def bomb(archive: bytes) -> bytes:
    """Declare a few bytes where a megabyte comes out, in the manifest too."""
    files = unpacked(archive)
    files["run-1/losses.csv"] = bytes(2**20)
    manifest = json.loads(files["manifest.json"])
    for entry in manifest["files"]:
        if entry["path"] == "run-1/losses.csv":
            entry["bytes"] = 10
    files["manifest.json"] = json.dumps(manifest).encode()
    packed_small = rezipped(packed(files), lambda info: None, compression=zipfile.ZIP_DEFLATED)
    return in_directory(packed_small, 24, struct.pack("<L", 10))


def larger_checkpoint(data: bytes) -> bytes:
    """Pack a checkpoint, so that it unpacks to more than it is; torch would read it."""
    files = unpacked(data) | {"archive/extra": bytes(100_000)}
    return rezipped(packed(files), lambda info: None, compression=zipfile.ZIP_DEFLATED)


def jpeg(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


def black() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (30, 20)).save(buffer, "PNG")
    return buffer.getvalue()


def loss_table(change: Callable[[list[list[str]]], Any]) -> Change:
    """Change the cells of run 1's losses."""

    def write(data: bytes) -> bytes:
        cells = [line.split(",") for line in data.decode().splitlines()]
        change(cells)
        return "".join(",".join(row) + "\n" for row in cells).encode()

    return forged("run-1/losses.csv", write)


def cell(row: int, column: int, text: str) -> Change:
    return loss_table(lambda cells: cells[row].__setitem__(column, text))
