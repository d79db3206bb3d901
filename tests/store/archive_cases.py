"""What may be wrong with an archive, and the words that say it (a pattern)."""

from __future__ import annotations

import struct
import zipfile
from typing import Any

from tests.store.archive_changes import (
    Change,
    black,
    bomb,
    both,
    cell,
    changed,
    forged,
    in_directory,
    in_size,
    jpeg,
    larger_checkpoint,
    link,
    loss_table,
    manifest_is,
    moved,
    overlapping,
    packed,
    rezipped,
    settings,
    told,
    twice,
    untold,
    with_file,
)
from tests.store.archives import TERMS, unpacked
from tests.store.test_store import png

CSV_JSON = ("losses.csv", "settings.json")
STYLE = ("style", 0)
DIRECTORY = b"PK\x01\x02"
DEEP = b"[" * 200_000
SNAPSHOT = "run-1/snapshots/step-0004.png"
PREVIEW = "run-1/previews/step-0004.jpg"
CONTENT = "run-1/inputs/content_Uni.png"
MASK = "run-1/inputs/content-mask_" + "n" * 60 + ".png"
CHECKPOINT = "run-1/checkpoint.pt"


def resized(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say that a file has 2000 bytes."""
    return [e | {"bytes": 2000} if e["path"] == "run-1/losses.csv" else e for e in files]


CASES: dict[str, tuple[Change, str]] = {
    # The ZIP
    "empty": (lambda a: b"", "the file is empty"),
    "a picture": (lambda a: png(1), "this is not a ZIP; choose an archive"),
    "text": (lambda a: b"step,total\n1,2\n", "this is not a ZIP"),
    "cut short": (lambda a: a[: len(a) // 2], "damaged or cut short; fetch or export it again"),
    "cut by one": (lambda a: a[:-1], "damaged or cut short"),
    "cut in front": (lambda a: a[100:], "damaged or cut short"),
    "encrypted": (lambda a: in_directory(a, 8, b"\x01\0"), r"losses.csv' in it is encrypted"),
    "bzip2": (
        lambda a: rezipped(a, lambda info: None, compression=zipfile.ZIP_BZIP2),
        r"compressed in a way that NST Lab does not read \(method 12\)",
    ),
    "method 99": (lambda a: in_directory(a, 10, b"\x63\0"), r"not read \(method 99\)"),
    "another's checksum": (
        lambda a: in_directory(a, 16, b"\1\2\3\4"),
        "run-1/losses.csv in it is damaged",
    ),
    "link": (link, "run-1/losses.csv' in it is a link; do not use it"),
    "twice": (twice, "two files of one name"),
    "overlapping": (overlapping, "files in it overlap"),
    "size at odds": (
        lambda a: in_size("run-1/losses.csv", 2000)(told("files", resized)(a)),
        "run-1/losses.csv in it has another size than the ZIP says",
    ),
    "bomb": (bomb, "run-1/losses.csv in it is damaged"),
    "a file too large": (
        lambda a: in_directory(a, 24, struct.pack("<L", 3 * 2**30)),
        r"'run-1/losses.csv' in it is 3\.0 GiB unpacked, and the most is 1\.0 GiB; leave",
    ),
    "all too large": (
        both(*(in_size(f"run-{k}/{name}", 900 * 2**20) for k in (1, 2) for name in CSV_JSON)),
        r"it is 3\.5 GiB unpacked, and the most is 2\.0 GiB; export fewer",
    ),
    "manifest too large": (
        in_size("manifest.json", 17 * 2**20),
        r"'manifest.json' in it is 17\.0 MiB unpacked, and the most is 16\.0 MiB",
    ),
    # Names
    "parent folder": (with_file("../evil.png"), r"names a file '\.\./evil\.png', which could lie"),
    "parent within": (with_file("run-1/../../evil"), "could lie outside"),
    "absolute": (with_file("/etc/passwd"), "'/etc/passwd', which could lie outside"),
    "drive": (with_file("C:evil.png"), "could lie outside"),
    "backslash": (with_file("run-1\\evil.png"), "could lie outside"),
    "nul": (
        lambda a: packed(unpacked(a) | {"run-1/evilx.png": b""}).replace(b"evilx", b"evil\0"),
        "could lie outside",
    ),
    "listed parent folder": (moved(CONTENT, "../evil.png"), "could lie outside"),
    "listed but absent parent": (told("files.3.path", "../../evil"), "could lie outside"),
    "wanted parent folder": (told("runs.0.inputs.0.file", "/etc/passwd"), "could lie outside"),
    # The manifest
    "no manifest": (
        lambda a: changed(a, "manifest.json", None),
        "it has no manifest.json and so is no archive of runs",
    ),
    "in a folder": (
        lambda a: packed({f"a/{path}": data for path, data in unpacked(a).items()}),
        "it has no manifest.json",
    ),
    "no JSON": (manifest_is(b"{oops"), r"manifest.json is broken \(Invalid JSON"),
    "no text": (manifest_is(b"\xff\xfe"), "manifest.json is broken"),
    "nothing": (manifest_is(b""), "manifest.json is broken"),
    "nested": (manifest_is(DEEP), "manifest.json is broken .*recursion limit"),
    "nested objects": (manifest_is(b'{"a":' * 100_000), "manifest.json is broken"),
    "nested within": (
        manifest_is(b'{"format":"nst-lab-runs","version":1,"runs":' + DEEP + b"]" * 200_000 + b"}"),
        "manifest.json is broken",
    ),
    "half a surrogate": (manifest_is(b'{"format": "\\ud800"}'), "manifest.json is broken"),
    "a list": (manifest_is(b"[]"), "is not NST Lab's; choose an archive"),
    "another's": (told("format", "zarr"), "is not NST Lab's"),
    "version 0": (told("version", 0), "is not NST Lab's"),
    "version true": (told("version", True), "is not NST Lab's"),
    "newer": (told("version", 3), "format version 3, .* reads up to 2; update NST Lab"),
    "much newer": (told("version", 10**30), "is not NST Lab's"),
    "no runs": (told("runs", []), "runs: .* at least 1 item"),
    "runs are none": (told("runs", {"0": 1}), "runs: "),
    "unknown field": (told("runs.0.colour", "red"), "runs.0.colour: Extra inputs"),
    "missing field": (untold("runs.0.notes"), "runs.0.notes: Field required"),
    "running": (
        told("runs.0.state", "running"),
        "runs.0.state: must be 'done', 'failed', 'cancelled' or 'interrupted', got 'running'",
    ),
    "queued": (told("runs.0.state", "queued"), "runs.0.state: must be .*, got 'queued'"),
    "unknown state": (told("runs.0.state", "lost" * 100), "runs.0.state: must be .*…"),
    "state of no type": (told("runs.0.state", ["done"]), "runs.0.state: "),
    "number 0": (told("runs.0.id", 0), "runs.0.id: must be greater than or equal to 1, got 0"),
    "number too large": (told("runs.0.id", 2**31), "runs.0.id: must be less than 2147483648"),
    "number of 4000 digits": (told("runs.0.id", 10**4000), "runs.0.id: |manifest.json is broken"),
    "number as text": (told("runs.0.id", "1"), "runs.0.id: must be a valid integer, got '1'"),
    "number with a point": (told("runs.0.id", 1.0), "runs.0.id: must be a valid integer"),
    "step true": (told("runs.0.step", True), "runs.0.step: must be a valid integer, got True"),
    "step below 0": (told("runs.0.step", -1), "runs.0.step: .*got -1"),
    "time is not finite": (told("runs.0.created_at", float("nan")), "created_at: .*finite.*nan"),
    "time is 1e999": (
        lambda a: changed(
            a,
            "manifest.json",
            unpacked(told("runs.0.created_at", 12345.678)(a))["manifest.json"].replace(
                b"12345.678", b"1e999"
            ),
        ),
        "runs.0.created_at: .*finite number, got inf",
    ),
    "time far away": (told("runs.0.ended_at", 1e300), "runs.0.ended_at: must be less than"),
    "seconds below 0": (told("runs.0.seconds", -1.0), "runs.0.seconds: "),
    "improvement": (told("runs.0.improvement", float("-inf")), "improvement: .*finite"),
    "latest loss": (told("runs.0.latest_losses.total", float("nan")), "total: .*finite"),
    "six stars": (told("runs.0.rating", 6), "runs.0.rating: must be less than or equal to 5"),
    "notes": (told("runs.0.notes", None), "runs.0.notes: must be a valid string, got None"),
    "role": (told("runs.0.inputs.0.role", "frame"), "inputs.0.role: must be 'content', 'style'"),
    "position": (told("runs.0.inputs.0.position", -1), "inputs.0.position: "),
    "width 0": (told("runs.0.snapshots.0.width", 0), "snapshots.0.width: "),
    "output 0": (told("runs.0.snapshots.0.output", 0), "snapshots.0.output: "),
    "total": (told("runs.0.snapshots.0.total", float("inf")), "snapshots.0.total: .*finite"),
    "metrics": (told("runs.0.snapshots.0.metrics.ssim", "high"), "metrics.ssim: must be a valid"),
    "metrics not finite": (
        told("runs.0.snapshots.0.metrics.sharpness", float("nan")),
        "metrics.sharpness: must be a finite",
    ),
    "metrics are none": (told("runs.0.snapshots.0.metrics", [1]), "snapshots.0.metrics"),
    "log": (told("runs.0.log.0.at", "noon"), "runs.0.log.0.at: must be a valid number"),
    "log step": (told("runs.0.log.0.step", 2**40), "runs.0.log.0.step: "),
    "hash": (told("files.0.sha256", "0" * 63), "files.0.sha256: String should match"),
    "hash in capitals": (told("files.0.sha256", "A" * 64), "files.0.sha256: "),
    # Numbers of runs
    "two of one number": (told("runs.1.id", 1), "two runs of one number"),
    "own parent": (told("runs.1.parent_id", 2), "run 2 was forked from run 2"),
    "younger parent": (told("runs.0.parent_id", 2), "run 1 was forked from run 2, .* is younger"),
    "parent elsewhere": (told("runs.1.parent_id", 99), "forked from run 99, which is not in it"),
    # Files
    "file missing": (lambda a: changed(a, CONTENT, None), f"'{CONTENT}' is missing in it"),
    "file shorter": (lambda a: changed(a, CONTENT, b"abc"), f"{CONTENT} in it has 3 bytes and"),
    "file changed": (
        lambda a: changed(a, SNAPSHOT, unpacked(a)[SNAPSHOT][::-1]),
        f"{SNAPSHOT} in it was changed: its SHA-256 is another",
    ),
    "settings changed": (
        lambda a: changed(
            a,
            "run-1/settings.json",
            unpacked(a)["run-1/settings.json"].replace(b'"steps": 12', b'"steps": 13'),
        ),
        "settings.json in it was changed",
    ),
    "hash of another": (told("files.0.sha256", "0" * 64), "run-1/.* in it was changed"),
    "listed twice": (told("files", lambda files: [*files, files[0]]), "lists a file twice"),
    "not listed": (
        told("files", lambda files: [e for e in files if e["path"] != CONTENT]),
        f"run 1 needs the file '{CONTENT}', which its manifest.json does not list",
    ),
    "wanted elsewhere": (told("runs.0.losses", "losses.csv"), "needs the file 'losses.csv'"),
    # Settings
    "settings no JSON": (forged("run-1/settings.json", b"{"), "run 1: its settings are no JSON"),
    "settings nested": (forged("run-1/settings.json", DEEP), "run 1: its settings are no JSON"),
    "settings a list": (forged("run-1/settings.json", b"[]"), "run 1: its settings are no JSON"),
    "settings no text": (forged("run-1/settings.json", b"\xff"), "its settings are no JSON"),
    "setting unknown": (settings(colour="red"), "there is no setting 'colour'"),
    "setting out of range": (settings(size=1), "cannot be used .size: must be"),
    "setting not finite": (settings(alpha=float("nan")), "cannot be used .alpha: must be a finite"),
    "setting of 400 digits": (settings(alpha=10**400), "cannot be used .alpha: "),
    "setting of a megabyte": (settings(pooling="x" * 2**20), "cannot be used .pooling: "),
    "layer unknown": (settings(style_layers={"conv9_9": 1.0}), "VGG-19 has no layer 'conv9_9'"),
    "layers of no type": (settings(style_layers=[{}, [[]]]), "run 1: .*VGG-19 has no layer"),
    "settings at odds": (settings(outputs=10, steps=5), "run 1: .*10 outputs need at least"),
    "levels too many": (settings(size=64, levels=6), "used .6 levels at size 64 would"),
    "style weights": (settings(style_weights=[1, 2, 3]), "run 1: style_weights: 3 for 2 style"),
    "steps at odds": (settings(steps=13), "run 1: it says 12 steps and its settings 13"),
    # Losses
    "losses no table": (forged("run-1/losses.csv", b"total losses"), "run 1: .* do not agree"),
    "losses no text": (forged("run-1/losses.csv", b"\xff\n1"), "losses are no table of numbers"),
    "losses empty": (forged("run-1/losses.csv", b""), "run 1: the columns of its losses"),
    "loss a word": (cell(3, 2, "low"), "run 1: its losses are no table of numbers"),
    "loss not finite": (cell(3, 2, "nan"), "run 1: some of its losses are not finite"),
    "loss infinite": (cell(3, 2, "1e999"), "run 1: some of its losses are not finite"),
    "a cell too many": (loss_table(lambda c: c[3].append("1")), "its losses are no table"),
    "a column too many": (loss_table(lambda c: c[0].append("x")), "the columns of its losses"),
    "term twice": (cell(0, 2, "total"), "the columns of its losses do not agree"),
    "term unknown": (cell(0, 2, "joy"), "its latest losses and its losses have other terms"),
    "no total": (
        both(
            cell(0, 1, "sum"),
            told("runs.0.latest_losses", dict.fromkeys(("sum", *TERMS[1:]), 1.0)),
        ),
        "its latest losses and its losses have other terms",
    ),
    "a row less": (loss_table(lambda c: c.pop()), "losses of 6 steps and did 7"),
    "a row twice": (loss_table(lambda c: c.append(c[-1])), "not of the steps 1, 2, ... in order"),
    "rows swapped": (loss_table(lambda c: c.reverse()), "run 1: .*losses"),
    "step at odds": (told("runs.0.step", 8), "run 1: it has losses of 7 steps and did 8"),
    # Counts
    "step beyond": (told("runs.0.step", 13), "at step 13 of 12"),
    "checkpoint beyond": (told("runs.0.checkpoint_step", 8), "its checkpoint at 8"),
    "preview beyond": (told("runs.0.preview_step", 13), "its preview at 13, which cannot be"),
    "preview without step": (told("runs.0.preview_step", None), "a preview without its step"),
    "step without preview": (told("runs.0.preview", None), "or a step without it"),
    "done with a checkpoint": (told("runs.0.state", "done"), "is done and yet has a checkpoint"),
    "snapshot twice": (told("runs.0.snapshots.1.step", 4), "two pictures of one step or output"),
    "output twice": (told("runs.0.snapshots.1.output", 1), "two pictures of one step or output"),
    "snapshot beyond": (told("runs.0.snapshots.1.step", 8), "a picture beyond its step 7"),
    "output beyond": (told("runs.0.snapshots.1.output", 4), "or its 3 outputs"),
    "role twice": (
        told("runs.0.inputs", lambda items: [*items, items[0]]),
        "two inputs of one role and position",
    ),
    "no inputs": (told("runs.0.inputs", []), "needs one content and one or more styles"),
    "content at 1": (told("runs.0.inputs.0.position", 1), "needs one content and one or more"),
    "no styles": (
        told("runs.0.inputs", lambda items: [i for i in items if "style" not in i["role"]]),
        "needs one content and one or more styles",
    ),
    "a style left out": (
        told("runs.0.inputs", lambda i: [x for x in i if (x["role"], x["position"]) != STYLE]),
        "needs one content and one or more styles, in order",
    ),
    "mask of nothing": (
        told("runs.0.inputs.4.position", 5),
        "mask without its picture",
    ),
    # Pictures
    "input no picture": (forged(CONTENT, b"hello"), f"run 1: {CONTENT}: this is not a picture"),
    "input cut short": (forged(CONTENT, lambda d: d[:-300]), f"{CONTENT}: the file is damaged"),
    "mask of another size": (forged(MASK, png(9, 30, 20)), "the mask is 20 x 30 px and its"),
    "mask all black": (forged(MASK, black()), "the mask is black all over"),
    "snapshot no PNG": (forged(SNAPSHOT, jpeg(30, 20)), f"run 1: {SNAPSHOT} is no PNG"),
    "snapshot damaged": (forged(SNAPSHOT, lambda d: d[:-300]), "the file is damaged or cut short"),
    "snapshot of another size": (forged(SNAPSHOT, png(9, 24, 36)), "is 36 x 24 px and should be"),
    "preview no JPEG": (forged(PREVIEW, png(1)), f"run 1: {PREVIEW} is no JPEG"),
    "preview cut short": (forged(PREVIEW, lambda d: d[:-200]), "is no JPEG, or it is damaged"),
    "preview too large": (forged(PREVIEW, jpeg(3000, 20)), "an edge of 3000 px, .* at most 2048"),
    "latest no JPEG": (forged("run-1/previews/latest.jpg", b"\xff\xd8\xff"), "latest.jpg is no"),
    # Checkpoints
    "checkpoint none": (forged(CHECKPOINT, b"PK\x03\x04"), "run 1: its checkpoint is damaged or"),
    "checkpoint a pickle": (forged(CHECKPOINT, b"cos\nsystem\n(S'true'\ntR."), "its checkpoint is"),
    "checkpoint packed": (forged(CHECKPOINT, larger_checkpoint), "its checkpoint is damaged or"),
    "checkpoint of another step": (told("runs.0.checkpoint_step", 3), "its checkpoint is damaged"),
    "checkpoint of another run": (settings(beta=2.0), "its checkpoint is damaged or another run's"),
}
