/** The platform's way to keep a value across the awaits of one task, found when first needed: AsyncLocalStorage in Node, Deno and Bun. */

/** The part of AsyncLocalStorage that is used. */
export interface ContextStorage {
  run<T>(store: object, fn: () => T): T
  getStore(): object | undefined
}

interface WithBuiltins {
  readonly process?: { readonly getBuiltinModule?: (id: string) => { readonly AsyncLocalStorage?: new () => ContextStorage } | undefined }
}

/** Not imported statically, so that bundles for browsers hold no Node module; null where the platform has none. */
function lookUp(): ContextStorage | null {
  const hooks = (globalThis as WithBuiltins).process?.getBuiltinModule?.('node:async_hooks')
  return hooks?.AsyncLocalStorage === undefined ? null : new hooks.AsyncLocalStorage()
}

let found: ContextStorage | null | undefined

export const asyncContext = {
  /** The storage, if anything has been run in it; nothing has a stored value before. */
  get active(): ContextStorage | null { return found ?? null },
  /** The storage, looked up the first time; null where the platform has none. */
  find(): ContextStorage | null {
    if (found === undefined) found = lookUp()
    return found
  },
} as const
