/** Layers of convolutions. */
import { conv1d, conv2d, convTranspose1d, convTranspose2d, perAxis, type ConvOptions, type ConvTransposeOptions } from '../functions/convolution.js'
import { countOf } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { fanInBound, uniform } from './init.js'
import { Module, parameter } from './module.js'

interface WithBias { readonly bias?: boolean }

/** What convolutions have in common. `weightShape` is without the kernel. */
abstract class Convolution<Options extends ConvOptions> extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | null
  readonly options: Options

  constructor(rank: number, weightShape: readonly [number, number], outChannels: number, kernelSize: number | readonly number[], options: Options & WithBias) {
    super()
    const shape = [...weightShape, ...perAxis(kernelSize, rank, 1, 'kernelSize')]
    const bound = fanInBound(countOf(shape.slice(1)))
    this.weight = parameter(uniform(shape, bound))
    this.bias = options.bias === false ? null : parameter(uniform([outChannels], bound))
    this.options = options
  }

  abstract forward(x: Tensor): Tensor
}

/** Convolution over one axis. Source: torch.nn.Conv1d. */
export class Conv1d extends Convolution<ConvOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: number | readonly number[], options: ConvOptions & WithBias = {}) {
    super(1, [outChannels, inChannels / (options.groups ?? 1)], outChannels, kernelSize, options)
  }

  forward(x: Tensor): Tensor { return conv1d(x, this.weight, this.bias, this.options) }
}

/** Convolution over two axes. Source: torch.nn.Conv2d. */
export class Conv2d extends Convolution<ConvOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: number | readonly number[], options: ConvOptions & WithBias = {}) {
    super(2, [outChannels, inChannels / (options.groups ?? 1)], outChannels, kernelSize, options)
  }

  forward(x: Tensor): Tensor { return conv2d(x, this.weight, this.bias, this.options) }
}

/** Transposed convolution over one axis. Source: torch.nn.ConvTranspose1d. */
export class ConvTranspose1d extends Convolution<ConvTransposeOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: number | readonly number[], options: ConvTransposeOptions & WithBias = {}) {
    super(1, [inChannels, outChannels / (options.groups ?? 1)], outChannels, kernelSize, options)
  }

  forward(x: Tensor): Tensor { return convTranspose1d(x, this.weight, this.bias, this.options) }
}

/** Transposed convolution over two axes. Source: torch.nn.ConvTranspose2d. */
export class ConvTranspose2d extends Convolution<ConvTransposeOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: number | readonly number[], options: ConvTransposeOptions & WithBias = {}) {
    super(2, [inChannels, outChannels / (options.groups ?? 1)], outChannels, kernelSize, options)
  }

  forward(x: Tensor): Tensor { return convTranspose2d(x, this.weight, this.bias, this.options) }
}
