/**
 * Reads the text form of graphs that `ir/print.ts` describes; `//` begins a comment. Checks the syntax, that names are
 * defined before use and that attributes are of the kinds in the op's record; the rest is the verifier's work.
 */
import { isDType, type DType, type HostTensor } from '../base/dtype.js'
import { Cursor } from './cursor.js'
import { isStatic, type Dim } from './dims.js'
import { readElements } from './elements-text.js'
import { STAGES, type Attr, type Constraint, type Graph, type GraphOutput, type Node, type SymbolDecl, type Value } from './graph.js'
import type { AttrKind } from './op.js'
import { OPS } from './ops/index.js'
import { tensorType, typesEqual, type ValueType } from './types.js'

/** The graph of a text. Throws `parse-text` with line, column and what was expected. */
export function parseGraph(text: string): Graph {
  const cursor = new Cursor(text)
  const graph = readGraph(cursor, undefined)
  if (!cursor.atEnd) cursor.fail('nothing after the graph')
  return graph
}

/** Names that can be used at a place: those of a graph and of the graphs around it. */
interface Scope { readonly values: Map<string, Value>; readonly outer: Scope | undefined }

function findValue(scope: Scope | undefined, name: string): Value | undefined {
  return scope === undefined ? undefined : scope.values.get(name) ?? findValue(scope.outer, name)
}

function readGraph(c: Cursor, outer: Scope | undefined): Graph {
  c.expectWord('graph')
  c.expect('@')
  const name = c.name("the graph's name")
  c.expectWord('stage')
  c.expect('=')
  const stage = STAGES.find((s) => c.takeWord(s)) ?? c.fail(`a stage (${STAGES.join(', ')})`)
  const scope: Scope = { values: new Map(), outer }
  const inputs = c.list('(', ')', () => define(c, scope, readTyped(c, c.name("an input's name"))))
  c.expect('->')
  const declared = c.list('(', ')', () => {
    const at = c.offset
    const output = c.name("an output's name")
    c.expect(':')
    return { name: output, type: readType(c), at }
  })
  c.expect('{')
  const symbols: SymbolDecl[] = []
  while (c.takeWord('symbol')) symbols.push(readSymbol(c, inputs))
  const constraints: Constraint[] = []
  while (c.takeWord('assume')) constraints.push(readConstraint(c))
  while (c.takeWord('const')) readConstant(c, scope)
  const nodes: Node[] = []
  while (!c.takeWord('return')) nodes.push(readNode(c, scope))
  const outputs = readOutputs(c, scope, declared)
  c.expect('}')
  return { name, stage, symbols, constraints, inputs, nodes, outputs }
}

function define(c: Cursor, scope: Scope, value: Value): Value {
  if (findValue(scope, value.name) !== undefined) c.fail(`a name other than %${value.name}, which is taken,`)
  scope.values.set(value.name, value)
  return value
}

function readSymbol(c: Cursor, inputs: readonly Value[]): SymbolDecl {
  const name = c.name("a symbol's name")
  c.expect('=')
  if (c.takeWord('measured')) return { name, source: { kind: 'measured' } }
  const kind = c.takeWord('extent') ? 'extent' : c.takeWord('element') ? 'element' : c.fail("'extent', 'element' or 'measured'")
  c.expect('(')
  const at = c.offset
  const port = c.take('#') ? c.int() : c.name("an input's name")
  const input = typeof port === 'number' ? port : inputs.findIndex((v) => v.name === port)
  if (input < 0) c.fail("an input's name", at)
  c.expect(',')
  const place = c.int()
  c.expect(')')
  return { name, source: kind === 'extent' ? { kind, input, axis: place } : { kind, input, index: place } }
}

function readConstraint(c: Cursor): Constraint {
  const a = c.dim()
  const kind = c.take('==') ? 'eq' : c.take('<=') ? 'le' : c.fail("'==' or '<='")
  const b = c.dim()
  return { kind, a, b, why: c.string('the reason') }
}

function readConstant(c: Cursor, scope: Scope): void {
  c.expect('%')
  const at = c.offset
  const value = readTyped(c, c.name("a constant's name"))
  c.expect('=')
  if (value.type.kind !== 'tensor' || !isStatic(value.type.shape)) c.fail('a constant with a tensor type of known shape', at)
  define(c, scope, { ...value, data: readTensorElements(c, value.type.dtype, value.type.shape) })
}

function readTensorElements(c: Cursor, dtype: DType, shape: readonly number[]): HostTensor {
  const start = c.offset
  const offsets: number[] = []
  const texts = c.list('[', ']', () => {
    offsets.push(c.offset)
    if (c.sees('…')) c.fail('an element', c.offset, "the elements of this constant were left out; print the graph with weights: 'full' to read it back")
    return dtype === 'string' ? c.string('an element') : dtype === 'bool' && !/\d/.test(c.text[c.offset] ?? '') ? String(c.bool()) : c.numberText()
  })
  const tensor = readElements(dtype, shape, texts)
  if (tensor === -1) return c.fail(`elements for ${dtype}[${shape.join(', ')}], not ${texts.length} of them,`, start)
  return typeof tensor === 'number' ? c.fail(`an element of ${dtype}`, offsets[tensor]) : tensor
}

/** `: type {dims} order [axes]` after a name. */
function readTyped(c: Cursor, name: string): Value {
  c.expect(':')
  const type = readType(c)
  return { name, type, ...(c.sees('{') && { dims: c.list('{', '}', () => c.dim()) }), ...(c.takeWord('order') && { order: c.list('[', ']', () => c.int()) }) }
}

function readType(c: Cursor): ValueType {
  const at = c.offset
  const word = c.name('a type')
  if (word === 'seq' || word === 'optional') {
    c.expect('(')
    const element = readType(c)
    c.expect(')')
    return { kind: word === 'seq' ? 'sequence' : 'optional', element }
  }
  if (word === 'map') {
    c.expect('(')
    const key = readDType(c)
    c.expect(',')
    const value = readType(c)
    c.expect(')')
    return { kind: 'map', key, value }
  }
  return isDType(word) ? tensorType(word, c.list('[', ']', () => c.dim())) : c.fail('a type', at)
}

function readDType(c: Cursor): DType {
  const at = c.offset
  const word = c.name('a dtype')
  return isDType(word) ? word : c.fail('a dtype', at)
}

function readUse(c: Cursor, scope: Scope): Value {
  c.expect('%')
  const at = c.offset
  const name = c.name("a value's name")
  return findValue(scope, name) ?? c.fail('a value that is defined before its use', at)
}

function readNode(c: Cursor, scope: Scope): Node {
  const outputs: Value[] = []
  while (c.sees('%')) {
    c.expect('%')
    outputs.push(readTyped(c, c.name("a result's name")))
    if (!c.take(',')) { c.expect('='); break }
  }
  const at = c.offset
  const op = c.name(outputs.length === 0 ? "a node, 'return'" : 'an op')
  const record = OPS.get(op) ?? c.fail('the name of an op', at)
  const inputs = c.list('(', ')', () => (c.takeWord('_') ? null : readUse(c, scope)))
  const attrs: Record<string, Attr> = {}
  if (c.sees('{')) {
    c.list('{', '}', () => {
      const start = c.offset
      const name = c.name("an attribute's name")
      const kind = Object.hasOwn(record.attrs, name) ? (record.attrs[name] as AttrKind) : c.fail(`an attribute of ${op} (${Object.keys(record.attrs).join(', ') || 'it has none'})`, start)
      c.expect('=')
      attrs[name] = readAttr(c, kind, scope)
    })
  }
  const origin = c.take('@') ? c.string('the origin') : ''
  for (const v of outputs) define(c, scope, v)
  return { op, inputs, attrs, outputs, origin }
}

function readAttr(c: Cursor, kind: AttrKind, scope: Scope): Attr {
  switch (kind) {
    case 'int': return c.int()
    case 'ints': return c.list('[', ']', () => c.int())
    case 'float': return c.number()
    case 'floats': return c.list('[', ']', () => c.number())
    case 'string': return c.string('text')
    case 'strings': return c.list('[', ']', () => c.string('text'))
    case 'bool': return c.bool()
    case 'bools': return c.list('[', ']', () => c.bool()) as unknown as Attr
    case 'dtype': return readDType(c)
    case 'dim': return c.dim()
    case 'dims': return c.list('[', ']', () => c.dim()) as readonly Dim[]
    case 'graph': return readGraph(c, scope)
    case 'tensor': {
      const at = c.offset
      const dtype = readDType(c)
      const shape = c.list('[', ']', () => c.dim())
      return isStatic(shape) ? readTensorElements(c, dtype, shape) : c.fail('a shape of numbers', at)
    }
  }
}

function readOutputs(c: Cursor, scope: Scope, declared: readonly { readonly name: string; readonly type: ValueType; readonly at: number }[]): GraphOutput[] {
  const outputs: GraphOutput[] = []
  if (!c.sees('}')) {
    do {
      const at = c.offset
      const name = c.name("an output's name")
      c.expect('=')
      const value = readUse(c, scope)
      const port = declared[outputs.length]
      if (port === undefined || port.name !== name) c.fail(`the output ${port === undefined ? "'}'" : port.name}, in the order of the head,`, at)
      if (!typesEqual(port.type, value.type)) c.fail(`the type of %${value.name}`, port.at)
      outputs.push({ name, value })
    } while (c.take(','))
  }
  if (outputs.length < declared.length) c.fail(`the output ${declared[outputs.length]?.name}`)
  return outputs
}
