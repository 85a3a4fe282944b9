import stssa_mm  # noqa: F401  before mmaction.models, which its stand-in module lets import
