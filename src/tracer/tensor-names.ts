/** What tensors are called by the modules that hold them, for the constants of graphs. */
import type { Tensor } from './tensor.js'

const NAMES = /* @__PURE__ */ new WeakMap<Tensor, string>()

/** Remembers that a module calls `t` so; the longest name stays, which is the one from the outermost module. */
export function rememberName(t: Tensor, name: string): void {
  const known = NAMES.get(t)
  if (known === undefined || name.length > known.length) NAMES.set(t, name)
}

/** The name that a module gave, if one did. */
export function nameOf(t: Tensor): string | undefined {
  return NAMES.get(t)
}
