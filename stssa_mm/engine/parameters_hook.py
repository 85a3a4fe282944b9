"""How large the parts of the model are."""
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from stssa_mm.registry import HOOKS

PARTS = {
    'trunk': 'backbone',
    'neck': 'roi_head.shared_head',
    'box head': 'roi_head.bbox_head',
    'RPN head': 'rpn_head',
}


def _short(count: int) -> str:
    """27231552 to '27.2 M', 6234 to '6.2 k'."""
    for limit, unit, size in ((1e5, 'M', 1e6), (1e3, 'k', 1e3)):
        if count >= limit:
            return f'{count / size:.1f} {unit}'
    return str(count)


@HOOKS.register_module()
class STSSAParametersHook(Hook):
    """Log the number of parameters of trunk, neck and heads once, when training starts.

    What belongs to none of them is 'other'; a part that the model lacks is left out.
    """

    @master_only
    def before_train(self, runner) -> None:
        """Log one line, on the first of several processes."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        sizes = {id(parameter): parameter.numel() for parameter in model.parameters()}
        total = sum(sizes.values())
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        modules = dict(model.named_modules())
        counts = []
        for part, path in PARTS.items():
            if path in modules:
                own = sum(sizes.pop(id(parameter), 0) for parameter in modules[path].parameters())  # none twice
                counts.append(f'{part} {_short(own)}')
        if sizes:
            counts.append(f'other {_short(sum(sizes.values()))}')
        runner.logger.info(f'Parameters: {", ".join(counts)} ({_short(total)} in all, {_short(trained)} trained)')
