/** Where user code called into Ingot, read from the stack. */

/** The folder of Ingot's own sources, as stack frames name it; undefined where they are bundled into one file with everything else. */
function ownFolder(): string | undefined {
  return /^(?:file:\/\/)?(.*\/)tracer\/call-site\.[jt]s$/.exec(import.meta.url.replace(/\?.*$/, ''))?.[1]
}

const FRAME = /(?:^|[\s(@])((?:[a-z]+:\/\/|\/|[A-Za-z]:[\\/])[^\s()]*?):(\d+):(\d+)\)?\s*$/

/** The frame nearest to the throw that is not Ingot's own, as `file.ts:12:5` without folders; `?` where the platform tells none. */
export function siteIn(stack: string | undefined): string {
  const own = ownFolder()
  for (const line of (stack ?? '').split('\n')) {
    const match = FRAME.exec(line)
    const file = match?.[1]?.replace(/^file:\/\//, '').replace(/\?.*$/, '')
    if (match === null || file === undefined || (own !== undefined && file.startsWith(own)) || file.includes('/node:')) continue
    return `${file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)}:${match[2]}:${match[3]}`
  }
  return '?'
}

interface Limited { stackTraceLimit?: number }

/** Runs `fn` with stacks deep enough to reach user code from within nested modules. V8 keeps ten frames otherwise. */
export function withDeepStacks<T>(fn: () => T): T {
  const errors = Error as Limited
  const before = errors.stackTraceLimit
  errors.stackTraceLimit = 100
  try {
    return fn()
  } finally {
    if (before === undefined) delete errors.stackTraceLimit
    else errors.stackTraceLimit = before
  }
}

/** The user's line that the code is called from. */
export function callSite(): string {
  return withDeepStacks(() => siteIn(new Error().stack))
}
