import pytest
import torch
from torch.autograd import gradcheck
from torch.func import functional_call


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def randomised():
    """A function that makes a module float64 with weights far from their start, gammas and biases among them."""

    def randomise(module, std=0.5):
        module = module.double()
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=std)
        return module

    return randomise


@pytest.fixture
def gradients_are_right():
    """A function that holds a module's gradients, of its input and of each parameter, against finite differences."""

    def check(module, x):
        names, parameters = zip(*module.named_parameters())

        def run(x, *parameters):
            return functional_call(module, dict(zip(names, parameters)), (x, ))

        return gradcheck(run, (x.requires_grad_(), *parameters))

    return check


@pytest.fixture
def features():
    """A function that makes features as they leave a trunk's ReLU: about a third active, not negative."""
    return lambda *shape: (torch.randn(*shape) - 0.5).relu()


@pytest.fixture
def mean_entropy():
    """A function for the mean entropy, in nats, of softmax(query key^T) over the keys, of (R, N, D) tokens."""

    def entropy(query, key):
        logits = (query @ key.transpose(1, 2)).detach().double().log_softmax(-1)
        return -(logits.exp() * logits).sum(-1).mean().item()

    return entropy
