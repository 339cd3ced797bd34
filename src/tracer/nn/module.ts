/** What all layers are: parameters, buffers and modules within modules, found by the names of the properties that hold them. Source: torch.nn.Module. */
import type { HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { overwriteInPlace } from '../inplace.js'
import { noGrad } from '../modes.js'
import { STATE, Tensor } from '../tensor.js'
import { rememberName } from '../tensor-names.js'

/** Tensors that are part of a module's state without being parameters, and whether the state dict has them. */
const BUFFERS = /* @__PURE__ */ new WeakMap<Tensor, { readonly persistent: boolean }>()
const PARAMETERS = /* @__PURE__ */ new WeakSet<Tensor>()

/** `t` as a parameter: what `parameters()` lists and training changes; it requires gradients unless told otherwise. Source: torch.nn.Parameter. */
export function parameter(t: Tensor, requiresGrad = true): Tensor {
  PARAMETERS.add(t)
  if (requiresGrad) t[STATE].ownRequiresGrad = true
  return t
}

/** `t` as a buffer: state that training does not change by gradients. `persistent` false keeps it out of the state dict. Source: torch.nn.Module.register_buffer. */
export function buffer(t: Tensor, persistent = true): Tensor {
  BUFFERS.set(t, { persistent })
  return t
}

export interface LoadStateOptions {
  /** Whether names that are missing or unknown are errors; true unless given. */
  readonly strict?: boolean
}

/** Tensors by name, as `stateDict` gives them or as `readSafetensors` finds them in a file. */
export type StateDict = Readonly<Record<string, HostTensor>> | ReadonlyMap<string, HostTensor>

/** Names in a state dict that did not fit the module. */
export interface LoadStateReport { readonly missing: readonly string[]; readonly unexpected: readonly string[] }

/**
 * A layer. Properties that hold parameters (`parameter()`), buffers (`buffer()`) and modules, or arrays of modules, are its state, under their own names; names in a state dict
 * join them with dots and are PyTorch's. A subclass has `forward`, which is called directly.
 */
export abstract class Module {
  /** Whether dropout drops and batch norms count; `train()` and `eval()` set it. */
  training = true

  /** Modules directly within, by property name. */
  namedChildren(): [string, Module][] {
    return Object.entries(this).flatMap(([name, value]): [string, Module][] => {
      if (value instanceof Module) return [[name, value]]
      return Array.isArray(value) ? value.flatMap((m: unknown, i): [string, Module][] => (m instanceof Module ? [[`${name}.${i}`, m]] : [])) : []
    })
  }

  /** This module and all within, with their names. */
  namedModules(prefix = ''): [string, Module][] {
    return [[prefix, this], ...this.namedChildren().flatMap(([name, child]) => child.namedModules(join(prefix, name)))]
  }

  /** Parameters with their names, in the order of properties; one that several modules share stands once. */
  namedParameters(prefix = ''): [string, Tensor][] {
    const seen = new Set<Tensor>()
    return this.#named(prefix, (t) => PARAMETERS.has(t)).filter(([, t]) => !seen.has(t) && seen.add(t))
  }

  /** All parameters. */
  parameters(): Tensor[] { return this.namedParameters().map(([, t]) => t) }

  /** Buffers with their names. */
  namedBuffers(prefix = ''): [string, Tensor][] { return this.#named(prefix, (t) => BUFFERS.has(t)) }

  /** All state by name: the tensors themselves without history, not copies. */
  stateDict(prefix = ''): Record<string, Tensor> {
    return Object.fromEntries(this.#named(prefix, (t) => PARAMETERS.has(t) || BUFFERS.get(t)?.persistent === true).map(([name, t]) => [name, t.detach()]))
  }

  /** Copies the elements of a state dict, cast to the module's dtypes. Throws `state-dict-mismatch` for other names (if `strict`) or shapes, before anything is copied. */
  loadStateDict(given: StateDict, options: LoadStateOptions = {}): LoadStateReport {
    const state = new Map<string, HostTensor>(isMap(given) ? given : Object.entries(given))
    const own = Object.fromEntries(this.#named('', (t) => PARAMETERS.has(t) || BUFFERS.get(t)?.persistent === true))
    const missing = Object.keys(own).filter((name) => !state.has(name))
    const unexpected = [...state.keys()].filter((name) => !Object.hasOwn(own, name))
    if (options.strict !== false && missing.length + unexpected.length > 0) {
      throw new IngotError('state-dict-mismatch', [missing.length > 0 && `the state dict lacks ${list(missing)}`, unexpected.length > 0 && `${list(unexpected)} ${unexpected.length === 1 ? 'is' : 'are'} not of this ${this.constructor.name}`].filter(Boolean).join('; '), { hint: 'strict: false takes what fits' })
    }
    const pairs = Object.entries(own).flatMap(([name, t]) => { const source = state.get(name); return source === undefined ? [] : [{ name, t, source }] })
    for (const { name, t, source } of pairs) {
      if (source.shape.length !== t.shape.length || source.shape.some((d, i) => d !== t.shape[i])) throw new IngotError('state-dict-mismatch', `'${name}' has shape [${t.shape.join(', ')}], the state dict has [${source.shape.join(', ')}]`)
    }
    noGrad(() => { for (const { t, source } of pairs) overwriteInPlace(t, source) })
    return { missing, unexpected }
  }

  /** Sets this module and all within to training, or to evaluation with false. */
  train(training = true): this {
    for (const [, m] of this.namedModules()) m.training = training
    return this
  }

  /** Sets this module and all within to evaluation: dropout does nothing, batch norms use what they have counted. */
  eval(): this { return this.train(false) }

  /** Switches gradients of all parameters. */
  requiresGrad_(value = true): this {
    for (const t of this.parameters()) t.requiresGrad_(value)
    return this
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void { for (const t of this.parameters()) t.grad = null }

  toString(): string {
    const children = this.namedChildren().map(([name, child]) => `  (${name}): ${String(child).replaceAll('\n', '\n  ')}`)
    return children.length === 0 ? `${this.constructor.name}()` : `${this.constructor.name}(\n${children.join('\n')}\n)`
  }

  #named(prefix: string, wanted: (t: Tensor) => boolean): [string, Tensor][] {
    const own = Object.entries(this).flatMap(([name, t]): [string, Tensor][] => (t instanceof Tensor && wanted(t) ? [[join(prefix, name), t]] : []))
    for (const [name, t] of own) rememberName(t, name)
    return [...own, ...this.namedChildren().flatMap(([name, child]) => child.#named(join(prefix, name), wanted))]
  }
}

const isMap = (state: StateDict): state is ReadonlyMap<string, HostTensor> => state instanceof Map
const join = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}.${name}`)
const list = (names: readonly string[]): string => (names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', '))
