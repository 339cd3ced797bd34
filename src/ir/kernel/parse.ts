/** Reads the text that `printKernel` writes; throws `parse-text` with line and column. */
import { isDType, type DType } from '../../base/dtype.js'
import { Cursor } from '../cursor.js'
import type { RegisterType } from './expr.js'
import { FOLDS, type Kernel, type KernelBuffer, type SharedBuffer, type Stmt } from './kernel.js'
import { parseExpr, REGISTER_TYPES, type Locals } from './parse-expr.js'

const ROLES = ['in', 'out', 'temp'] as const

/** The kernel that `text` says. It is not verified: see `verifyKernel`. */
export function parseKernel(text: string): Kernel {
  const cursor = new Cursor(text)
  cursor.expectWord('kernel')
  const name = cursor.name('the name of the kernel')
  const params = cursor.list('(', ')', () => cursor.name('a parameter'))
  cursor.expect('{')
  const buffers: KernelBuffer[] = []
  for (let role = takeRole(cursor); role !== undefined; role = takeRole(cursor)) buffers.push(parseBuffer(cursor, role))
  const shared: SharedBuffer[] = []
  while (cursor.takeWord('shared')) shared.push(parseShared(cursor))
  const body = parseBody(cursor, new Map())
  if (!cursor.atEnd) cursor.fail('the end of the kernel')
  return { name, params, buffers, ...(shared.length > 0 && { shared }), body }
}

function takeRole(cursor: Cursor): KernelBuffer['role'] | undefined {
  return ROLES.find((role) => cursor.takeWord(role))
}

function parseBuffer(cursor: Cursor, role: KernelBuffer['role']): KernelBuffer {
  const name = cursor.name('the name of a buffer')
  cursor.expect(':')
  const dtype = parseDType(cursor)
  cursor.expect('[')
  const length = cursor.dim()
  cursor.expect(']')
  return { name, dtype, length, role, ...(cursor.takeWord('apart') && { apart: true }) }
}

function parseShared(cursor: Cursor): SharedBuffer {
  const at = cursor.offset, { name, dtype, length } = parseBuffer(cursor, 'temp')
  return typeof length === 'number' ? { name, dtype, length } : cursor.fail('a shared buffer with a number of elements', at)
}

function parseDType(cursor: Cursor): DType {
  const at = cursor.offset, name = cursor.name('a dtype')
  return isDType(name) ? name : cursor.fail('a dtype', at)
}

/** Statements up to the closing brace, which is taken. */
function parseBody(cursor: Cursor, outer: Locals): Stmt[] {
  const locals = new Map(outer)
  const body: Stmt[] = []
  while (!cursor.take('}')) {
    if (cursor.atEnd) cursor.fail("'}'")
    body.push(parseStmt(cursor, locals))
  }
  return body
}

function parseStmt(cursor: Cursor, locals: Map<string, RegisterType>): Stmt {
  if (cursor.take('data-index ')) return parseDataIndex(cursor, locals)
  if (cursor.take('set-all ')) return parseSetAll(cursor, locals)
  if (cursor.takeWord('parallel')) { cursor.expectWord('for'); return parseFor(cursor, locals, { parallel: true }) }
  if (cursor.takeWord('local')) { cursor.expectWord('for'); return parseFor(cursor, locals, { local: true }) }
  if (cursor.takeWord('for')) return parseFor(cursor, locals, {})
  if (cursor.takeWord('barrier')) return { kind: 'barrier' }
  if (cursor.takeWord('fold')) return parseFold(cursor, locals)
  if (cursor.takeWord('index')) {
    const name = cursor.name('a name')
    cursor.expect('=')
    return { kind: 'index', name, value: cursor.dim() }
  }
  if (cursor.takeWord('let')) return parseRegister(cursor, locals, 'let')
  if (cursor.takeWord('var')) return parseRegister(cursor, locals, 'var')
  if (cursor.takeWord('set')) return { kind: 'set', ...parseAssignment(cursor, locals) }
  if (cursor.takeWord('if')) {
    const condition = parseExpr(cursor, locals)
    cursor.expect('{')
    const then = parseBody(cursor, locals)
    return { kind: 'if', condition, then, else: cursor.takeWord('else') ? (cursor.expect('{'), parseBody(cursor, locals)) : [] }
  }
  const buffer = cursor.name('a statement')
  cursor.expect('[')
  const index = cursor.dim()
  cursor.expect(']')
  cursor.expect('=')
  return { kind: 'store', buffer, index, value: parseExpr(cursor, locals) }
}

function parseFor(cursor: Cursor, locals: Locals, spread: { readonly parallel?: true; readonly local?: true }): Stmt {
  const variable = cursor.name('a loop variable')
  cursor.expectWord('in')
  cursor.expect('[')
  const lo = cursor.dim()
  cursor.expect(',')
  const hi = cursor.dim()
  cursor.expect(')')
  const step = cursor.takeWord('step') ? cursor.int('a step') : 1
  cursor.expect('{')
  return { kind: 'for', variable, lo, hi, step, ...spread, body: parseBody(cursor, locals) }
}

function parseDataIndex(cursor: Cursor, locals: Locals): Stmt {
  const name = cursor.name('a name')
  cursor.expect('=')
  const value = parseExpr(cursor, locals)
  const sure = cursor.takeWord('surely')
  cursor.expectWord('within')
  return { kind: 'data-index', name, value, extent: cursor.dim(), ...(sure && { sure }) }
}

function parseRegister(cursor: Cursor, locals: Map<string, RegisterType>, kind: 'let' | 'var'): Stmt {
  const name = cursor.name('a register')
  cursor.expect(':')
  const at = cursor.offset, word = cursor.name('a register type')
  const type = REGISTER_TYPES.find((t) => t === word) ?? cursor.fail(`one of ${REGISTER_TYPES.join(', ')}`, at)
  cursor.expect('=')
  const value = parseExpr(cursor, locals)
  locals.set(name, type)
  return { kind, name, type, value }
}

function parseFold(cursor: Cursor, locals: Map<string, RegisterType>): Stmt {
  const name = cursor.name('a register')
  cursor.expect('=')
  const at = cursor.offset, word = cursor.name('an operation'), op = FOLDS.find((f) => f === word) ?? cursor.fail(`one of ${FOLDS.join(', ')}`, at), value = parseExpr(cursor, locals)
  cursor.expectWord('in')
  locals.set(name, 'f32')
  return { kind: 'fold', name, op, value, buffer: cursor.name('a buffer') }
}

function parseAssignment(cursor: Cursor, locals: Locals): Extract<Stmt, { kind: 'set-all' }>['sets'][number] {
  const name = cursor.name('a register')
  cursor.expect('=')
  return { name, value: parseExpr(cursor, locals) }
}

function parseSetAll(cursor: Cursor, locals: Locals): Stmt {
  const sets = [parseAssignment(cursor, locals)]
  while (cursor.take(',')) sets.push(parseAssignment(cursor, locals))
  return { kind: 'set-all', sets }
}
