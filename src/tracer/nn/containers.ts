/** Modules that hold modules. */
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

/** A module of one tensor. */
export type Layer = Module & { forward(x: Tensor): Tensor }

/** Layers one after the other; in a state dict they are named 0, 1, … Source: torch.nn.Sequential. */
export class Sequential extends Module {
  readonly layers: readonly Layer[]

  constructor(...layers: readonly Layer[]) {
    super()
    this.layers = layers
  }

  override namedChildren(): [string, Module][] { return this.layers.map((layer, i) => [String(i), layer]) }

  forward(x: Tensor): Tensor { return this.layers.reduce((y, layer) => layer.forward(y), x) }
}

/** A list of modules, named 0, 1, … Source: torch.nn.ModuleList. */
export class ModuleList<M extends Module> extends Module implements Iterable<M> {
  readonly items: readonly M[]

  constructor(items: Iterable<M>) {
    super()
    this.items = [...items]
  }

  override namedChildren(): [string, Module][] { return this.items.map((m, i) => [String(i), m]) }

  [Symbol.iterator](): Iterator<M> { return this.items[Symbol.iterator]() }
}
