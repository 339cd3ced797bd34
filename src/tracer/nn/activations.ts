/** Layers without state: activations, pools, dropout. */
import * as f from '../functions/activations.js'
import { dropout } from '../functions/dropout.js'
import { adaptiveAvgPool2d, avgPool2d, maxPool1d, maxPool2d, type AvgPoolOptions, type MaxPoolOptions } from '../functions/pooling.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

/** max(0, x). Source: torch.nn.ReLU. */
export class ReLU extends Module { forward(x: Tensor): Tensor { return x.relu() } }
/** Source: torch.nn.ReLU6. */
export class ReLU6 extends Module { forward(x: Tensor): Tensor { return f.relu6(x) } }
/** Source: torch.nn.Sigmoid. */
export class Sigmoid extends Module { forward(x: Tensor): Tensor { return x.sigmoid() } }
/** Source: torch.nn.Tanh. */
export class Tanh extends Module { forward(x: Tensor): Tensor { return x.tanh() } }
/** Source: torch.nn.SiLU. */
export class SiLU extends Module { forward(x: Tensor): Tensor { return f.silu(x) } }
/** Source: torch.nn.Mish. */
export class Mish extends Module { forward(x: Tensor): Tensor { return f.mish(x) } }
/** Source: torch.nn.Softplus. */
export class Softplus extends Module { forward(x: Tensor): Tensor { return f.softplus(x) } }
/** Source: torch.nn.Softsign. */
export class Softsign extends Module { forward(x: Tensor): Tensor { return f.softsign(x) } }
/** Source: torch.nn.SELU. */
export class SELU extends Module { forward(x: Tensor): Tensor { return f.selu(x) } }
/** Source: torch.nn.Hardsigmoid. */
export class Hardsigmoid extends Module { forward(x: Tensor): Tensor { return f.hardsigmoid(x) } }
/** Source: torch.nn.Hardswish. */
export class Hardswish extends Module { forward(x: Tensor): Tensor { return f.hardswish(x) } }
/** Source: torch.nn.Identity. */
export class Identity extends Module { forward(x: Tensor): Tensor { return x } }

/** Source: torch.nn.GELU. */
export class GELU extends Module {
  constructor(readonly approximate: 'none' | 'tanh' = 'none') { super() }
  forward(x: Tensor): Tensor { return f.gelu(x, this.approximate) }
}

/** Source: torch.nn.LeakyReLU. */
export class LeakyReLU extends Module {
  constructor(readonly negativeSlope = 0.01) { super() }
  forward(x: Tensor): Tensor { return f.leakyRelu(x, this.negativeSlope) }
}

/** Source: torch.nn.ELU. */
export class ELU extends Module {
  constructor(readonly alpha = 1) { super() }
  forward(x: Tensor): Tensor { return f.elu(x, this.alpha) }
}

/** Source: torch.nn.Hardtanh. */
export class Hardtanh extends Module {
  constructor(readonly min = -1, readonly max = 1) { super() }
  forward(x: Tensor): Tensor { return f.hardtanh(x, this.min, this.max) }
}

/** Source: torch.nn.Softmax. */
export class Softmax extends Module {
  constructor(readonly dim: number) { super() }
  forward(x: Tensor): Tensor { return x.softmax(this.dim) }
}

/** Source: torch.nn.LogSoftmax. */
export class LogSoftmax extends Module {
  constructor(readonly dim: number) { super() }
  forward(x: Tensor): Tensor { return x.logSoftmax(this.dim) }
}

/** Drops elements at random while training. Source: torch.nn.Dropout. */
export class Dropout extends Module {
  constructor(readonly p = 0.5) { super() }
  forward(x: Tensor): Tensor { return dropout(x, this.p, this.training) }
}

/** All axes after the first as one. Source: torch.nn.Flatten. */
export class Flatten extends Module {
  constructor(readonly startDim = 1, readonly endDim = -1) { super() }
  forward(x: Tensor): Tensor { return x.flatten(this.startDim, this.endDim) }
}

/** Source: torch.nn.MaxPool1d. */
export class MaxPool1d extends Module {
  constructor(readonly kernelSize: number | readonly number[], readonly options: MaxPoolOptions = {}) { super() }
  forward(x: Tensor): Tensor { return maxPool1d(x, this.kernelSize, this.options) }
}

/** Source: torch.nn.MaxPool2d. */
export class MaxPool2d extends Module {
  constructor(readonly kernelSize: number | readonly number[], readonly options: MaxPoolOptions = {}) { super() }
  forward(x: Tensor): Tensor { return maxPool2d(x, this.kernelSize, this.options) }
}

/** Source: torch.nn.AvgPool2d. */
export class AvgPool2d extends Module {
  constructor(readonly kernelSize: number | readonly number[], readonly options: AvgPoolOptions = {}) { super() }
  forward(x: Tensor): Tensor { return avgPool2d(x, this.kernelSize, this.options) }
}

/** Source: torch.nn.AdaptiveAvgPool2d. */
export class AdaptiveAvgPool2d extends Module {
  constructor(readonly outputSize: number | readonly number[]) { super() }
  forward(x: Tensor): Tensor { return adaptiveAvgPool2d(x, this.outputSize) }
}
