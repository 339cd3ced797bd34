/** Model-local functions by domain, name and overload. */
import { IngotError } from '../../base/error.js'
import type { Message } from './schema.js'

export interface OnnxFunction { readonly proto: Message<'FunctionProto'>; readonly label: string }

/** The functions that a model brings along; they stand before built-in ops of the same name. */
export class FunctionTable {
  readonly #byKey = new Map<string, OnnxFunction>()

  constructor(functions: readonly Message<'FunctionProto'>[]) {
    for (const proto of functions) {
      const key = keyOf(proto.domain ?? '', proto.name ?? '', proto.overload ?? '')
      const label = `${proto.domain ? `${proto.domain}.` : ''}${proto.name ?? ''}`
      if (this.#byKey.has(key)) throw new IngotError('onnx-duplicate-value', `the model defines the function ${label} twice`, { hint: 'functions must differ in domain, name or overload' })
      this.#byKey.set(key, { proto, label })
    }
  }

  /** Number of nodes that `nodes` come to once functions are inlined; a function that calls itself counts nothing here. */
  expandedNodes(nodes: readonly Message<'NodeProto'>[]): number {
    const sizes = new Map<OnnxFunction, number>()
    const sizeOf = (list: readonly Message<'NodeProto'>[]): number => {
      let sum = 0
      for (const node of list) {
        const body = this.find(node.domain ?? '', node.opType ?? '', node.overload ?? '')
        if (body !== undefined && !sizes.has(body)) { sizes.set(body, 0); sizes.set(body, sizeOf(body.proto.node)) }
        sum += body === undefined ? 1 : sizes.get(body) ?? 0
      }
      return sum
    }
    return sizeOf(nodes)
  }

  find(domain: string, name: string, overload: string): OnnxFunction | undefined { return this.#byKey.get(keyOf(domain, name, overload)) }
}

const keyOf = (domain: string, name: string, overload: string): string => JSON.stringify([domain === 'ai.onnx' ? '' : domain, name, overload])
