"""Tables in files: read with their lines, written whole or not at all."""

from __future__ import annotations

import csv
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

import pandas as pd

from affect.annotations.checks import Source
from affect.extra import required

__all__ = ["companion", "decoded", "table_of", "write", "write_whole"]


def decoded(data: bytes, name: str) -> str:
    """The text of a file in UTF-8, with line ends as Python has them.

    Raises
    ------
    ValueError
        It is no UTF-8; the message has the line.
    """
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{name}, line {line}: found the byte {data[error.start]:#x}, which is no UTF-8; "
            "expected text in that encoding"
        ) from None


def table_of(path: str | PathLike[str]) -> tuple[pd.DataFrame, Source]:
    """A file as a table: of CSV as text, with an index that counts lines of the file as an editor does.

    Raises
    ------
    ValueError
        The file is empty, no UTF-8 text, has a column twice or a row of another length.
    """
    name = str(path)
    if Path(path).suffix == ".parquet":
        required("pyarrow")
        return pd.read_parquet(path), Source(name)
    text = decoded(Path(path).read_bytes(), name)
    lines = text.splitlines(keepends=True)
    if not text.strip():
        raise ValueError(f"{name}: found an empty file; expected a header and rows")
    separator = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    rows, index = [], []
    header: list[str] = []
    try:
        before = 0
        for row in reader:
            line, before = before + 1, reader.line_num
            if not header:
                header = [column.strip() for column in row]
                for k, column in enumerate(header):
                    if column in header[:k]:
                        raise ValueError(
                            f"{name}, line {line}, column {column!r}: found twice; expected once"
                        )
            elif row:
                if len(row) != len(header):
                    expected = f"the {len(header)} of the header"
                    raise ValueError(f"{name}, line {line}: found {len(row)} columns; expected {expected}")
                rows.append(row)
                index.append(line)
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: found {error}; expected CSV") from None
    return pd.DataFrame(rows, columns=header, index=index, dtype=str), Source(name, "line")


def companion(path: str | PathLike[str], name: str) -> Path:
    """``ratings.static.csv`` beside ``ratings.csv``.

    Examples
    --------
    >>> companion("ratings.csv", "static").name
    'ratings.static.csv'
    """
    path = Path(path)
    return path.with_name(f"{path.stem}.{name}{path.suffix}")


def write(
    tables: Mapping[str, pd.DataFrame], path: Path, to_file: Callable[[pd.DataFrame, Path], object]
) -> None:
    """All tables under temporary names, then under those that `companion` gives; that of "" is the path."""
    files = {companion(path, name) if name else path: table for name, table in tables.items()}
    with tempfile.TemporaryDirectory(dir=path.resolve().parent, suffix=".part") as folder:
        for file, table in files.items():
            to_file(table, Path(folder, file.name))
        for file in files:
            os.replace(Path(folder, file.name), file)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, and the folders around it, so that it is there whole or as it was before.

    Its bytes are on the disk before it has its name, so that a loss of power leaves no empty file; its mode
    is that of any new file, as the umask has it.
    """
    data = content if isinstance(content, bytes) else content.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
