"""What a plugin leaves behind in torch does not reach the next task."""

import torch

from recclaims.engine.execute.executor import perform


class Careless:
    """Tells the state it finds, then leaves another one."""

    def __init__(self):
        self.seen = []

    def encode(self):
        state = torch.get_default_dtype(), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()
        self.seen.append((*state, torch.backends.cudnn.benchmark, torch.rand(1).item()))
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = True
        raise ZeroDivisionError


def test_every_task_begins_in_the_same_state():
    careless, before = Careless(), torch.get_rng_state()
    for _ in range(2):
        perform(careless, ("encode",))
    assert careless.seen[0] == careless.seen[1]
    assert careless.seen[0][:4] == (torch.float32, True, False, False)
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before)
