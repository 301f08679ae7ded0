"""How images come to the device: read there and then, taken from a data set that lies there, or read ahead."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from unweave.data.base import ImageData
from unweave.data.batches import Batches
from unweave.data.leave_out import Among
from unweave.data.pairs import PairBatches
from unweave.data.resident import Resident, resident
from unweave.engine.spec import Training

SHARE = 0.6  # of the device's free memory that data may take; nets and their gradients need the rest
AHEAD = 4  # batches that are read before they are asked for


Order: TypeAlias = Batches | Among | PairBatches


class Feed(Protocol):
    """Gives the next images of an order, float32 (n, C, H, W) on the device."""

    def __call__(self, batches: Order) -> Tensor: ...


class Direct:
    """Reads a batch when it is asked for and copies it: on the processor there is nothing to wait for."""

    def __init__(self, data: ImageData, device: torch.device) -> None:
        self.data, self.device = data, device

    def __call__(self, batches: Order) -> Tensor:
        return self.data.images(next(batches)).to(self.device)


class FromDevice:
    """Takes a batch from a data set on the device; all that is copied is each epoch's order, once."""

    def __init__(self, images: Resident, device: torch.device) -> None:
        self.images, self.device = images, device
        self.orders: dict[int, tuple[np.ndarray, Tensor]] = {}  # by the batches that they belong to

    def __call__(self, batches: Order) -> Tensor:
        numbers = next(batches)
        if not isinstance(batches, Batches):  # numbers that are made anew for each batch
            return self.images(self._moved(numbers))
        order, end = batches.place
        kept = self.orders.get(id(batches))
        if kept is None or kept[0] is not order:
            kept = self.orders[id(batches)] = order, self._moved(order)
        return self.images(kept[1][end - len(numbers) : end])

    def _moved(self, numbers: np.ndarray) -> Tensor:
        here = torch.from_numpy(np.ascontiguousarray(numbers))
        here = here.pin_memory() if self.device.type == "cuda" else here
        return here.to(self.device, non_blocking=True)


class ReadAhead:
    """Reads the next batches in a thread into pinned memory and copies them beside the computation.

    An order of its own runs ahead of each that is asked for, so that what a checkpoint keeps is what was trained on.
    """

    def __init__(self, data: ImageData, device: torch.device) -> None:
        self.data, self.device = data, device
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="unweave-read-ahead")
        self.waiting: dict[int, tuple[Order, deque[tuple[np.ndarray, Future[Tensor]]]]] = {}
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, batches: Order) -> Tensor:
        key = id(batches)
        kept, numbers = self.waiting.get(key), next(batches)
        if kept is None or not np.array_equal(kept[1][0][0], numbers):  # the first, or the order was set elsewhere
            kept = self.waiting[key] = batches.twin(), deque([(numbers, self.pool.submit(self._read, numbers))])
        ahead, queue = kept
        _, found = queue.popleft()
        while len(queue) < AHEAD:
            following = next(ahead)
            queue.append((following, self.pool.submit(self._read, following)))
        return self._moved(found.result())

    def _read(self, numbers: np.ndarray) -> Tensor:
        images = self.data.images(numbers)
        return images.pin_memory() if self.stream is not None else images

    def _moved(self, images: Tensor) -> Tensor:
        if self.stream is None:
            return images.to(self.device)
        now = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self.stream):
            moved = images.to(self.device, non_blocking=True)
        now.wait_stream(self.stream)
        moved.record_stream(now)  # its memory is not given away before the step is over
        return moved


def feed_of(data: ImageData, device: torch.device, training: Training, batches_a_step: int) -> Feed:
    """The way that suits the device and the data."""
    if device.type != "cuda":
        return Direct(data, device)
    free, _ = torch.cuda.mem_get_info(device)
    asked = training.steps * training.batch * batches_a_step
    there = resident(data, device, int(SHARE * free), most_images=asked)
    return ReadAhead(data, device) if there is None else FromDevice(there, device)
