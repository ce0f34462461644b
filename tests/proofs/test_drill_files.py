"""The drill's files: the same on every run, of all sizes, and an unreadable one never stops it."""

import os
from pathlib import Path

from proofs.drill.files import Candidate, UnreadableFile, choose, read


def folder_of(tmp_path: Path, sizes: list[int]) -> Path:
    for number, size in enumerate(sizes):
        (tmp_path / f"file-{number:03d}.txt").write_bytes(b"x" * size)
    return tmp_path


def test_the_same_folder_gives_the_same_files_in_the_same_order(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, list(range(100)))

    first, second = choose(folder, 20), choose(folder, 20)

    assert first == second
    assert len(first[0]) == 20


def test_the_smallest_and_the_largest_are_among_them(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, list(range(100)))

    sizes = {one.size for one in choose(folder, 20)[0]}

    assert {0, 99} <= sizes


def test_no_file_is_taken_twice(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])

    for count in range(2, 12):
        names = [one.name for one in choose(folder, count)[0]]
        assert len(names) == len(set(names)) == min(count, 10)


def test_a_dangling_link_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, [1, 2, 3])
    (folder / "gone").symlink_to("nowhere")

    files, unreadable = choose(folder, 10)

    assert len(files) == 3
    assert unreadable == [UnreadableFile("gone", "FileNotFoundError")]


def test_what_is_no_regular_file_is_left_out(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, [1, 2, 3])
    os.mkfifo(folder / "pipe")

    files, unreadable = choose(folder, 10)

    assert len(files) == 3
    assert unreadable == []


def test_a_file_that_vanished_after_it_was_chosen_is_named(tmp_path: Path) -> None:
    gone = Candidate("gone", tmp_path / "gone", 7)

    assert read(gone) == UnreadableFile("gone", "FileNotFoundError")
