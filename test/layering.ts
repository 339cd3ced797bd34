/** Who may import whom, as a pure function over files and their imports. */
import { posix } from 'node:path'
import type { SourceFile } from './source-files.js'

export interface FileImports { readonly file: string; readonly imports: readonly string[] }

interface Room {
  /** Rooms (folders of `src/`), or single files of them, that the room may import beside itself. */
  readonly may: readonly string[]
  /** Packages it may import; `node:` stands for Node's own modules. */
  readonly packages: readonly string[]
}

const ROOMS: Readonly<Record<string, Room>> = {
  'src/base': { may: [], packages: [] },
  'src/runtime': { may: ['src/base'], packages: ['node:'] },
  'src/ir': { may: ['src/base'], packages: [] },
  'src/passes': { may: ['src/base', 'src/ir'], packages: [] },
  'src/codegen': { may: ['src/base', 'src/ir', 'src/runtime/format.ts', 'src/runtime/plan.ts', 'src/runtime/js/render.ts', 'src/runtime/js/helpers.ts', 'src/runtime/js/kernel-code.ts'], packages: [] },
  'src/tracer': { may: ['src/base', 'src/ir', 'src/runtime/tensor.ts'], packages: ['node:', 'protobufjs'] },
  cli: { may: ['src/index.ts'], packages: ['node:', 'commander', 'picocolors'] },
}

/** The module specifiers that a file imports, statically or dynamically. */
export function importsOf({ file, text }: SourceFile): FileImports {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1')
  const pattern = /^\s*(?:import|export)\s[^'"`]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm
  return { file, imports: [...code.matchAll(pattern)].map((m) => (m[1] ?? m[2] ?? m[3]) as string) }
}

/** One sentence for each import that the table forbids. Files directly in `src/` may import everything. */
export function layeringViolations(files: readonly FileImports[]): string[] {
  return files.flatMap(({ file, imports }) => {
    const name = Object.keys(ROOMS).find((room) => file.startsWith(`${room}/`))
    if (name === undefined) return /^src\/[^/]+\.ts$/.test(file) ? [] : [`${file} is in no room`]
    const room = ROOMS[name] as Room
    return imports.filter((specifier) => !allowed(name, room, file, specifier)).map((specifier) => `${file} must not import ${specifier}`)
  })
}

function allowed(name: string, room: Room, file: string, specifier: string): boolean {
  if (!specifier.startsWith('.')) return room.packages.some((p) => specifier === p || (p.endsWith(':') && specifier.startsWith(p)) || specifier.startsWith(`${p}/`))
  const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
  return [name, ...room.may].some((place) => target === place || target.startsWith(`${place}/`))
}
