/** `ingot inspect`: what is in a model or an artefact. */
import { Command } from 'commander'
import pc from 'picocolors'
import { importOnnx, inspectProgram, printShape, decodeProgram, type Graph, type ProgramDescription } from '../src/index.js'
import { fixedInputs, type FixedInputs } from './fixed-inputs.js'
import { isArtefact, readBytes } from './model.js'
import { lengthOption, shapeOption, sizeText, valueOption } from './options.js'
import { table } from './progress.js'

/** The subcommand. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show the ports, ops or kernels, memory and constants of a model or artefact.')
    .argument('<file>', 'an .onnx model or .ingot artefact')
    .option('--shape <name=extents>', 'extents to plan memory for, of an artefact with symbolic dims (repeatable)', shapeOption)
    .option('--value <name=value>', 'fix an input of a model to a number, a list or a file, as for compile (repeatable)', valueOption)
    .option('--length <name=n>', 'how many tensors a sequence input of a model holds, 1 or none for an optional, as for compile (repeatable)', lengthOption)
    .option('--result <name...>', 'keep only these results of a model')
    .option('--json', 'print everything as JSON')
    .addHelpText('after', '\nExample:\n  $ ingot inspect model.ingot --shape input=8,3,224,224')
    .action(inspectFile)
}

async function inspectFile(file: string, options: FixedInputs & { readonly json?: boolean }): Promise<void> {
  const bytes = await readBytes(file)
  if (!isArtefact(bytes)) {
    const graph = await importOnnx(file, await fixedInputs(options))
    console.log(options.json === true ? JSON.stringify(describeGraph(graph), null, 2) : graphText(graph, bytes.length))
    return
  }
  const description = inspectProgram(decodeProgram(bytes), options.shape)
  console.log(options.json === true ? JSON.stringify({ bytes: bytes.length, ...description }, null, 2) : programText(description, bytes.length))
}

function describeGraph(graph: Graph): object {
  const ops: Record<string, number> = {}
  for (const n of graph.nodes) ops[n.op] = (ops[n.op] ?? 0) + 1
  const port = (name: string, type: Graph['inputs'][number]['type']): object => (type.kind === 'tensor' ? { name, dtype: type.dtype, shape: printShape(type.shape) } : { name, kind: type.kind })
  return {
    name: graph.name, nodes: graph.nodes.length, ops,
    inputs: graph.inputs.map((v) => port(v.name, v.type)), outputs: graph.outputs.map((o) => port(o.name, o.value.type)),
    symbols: graph.symbols.map((s) => s.name),
  }
}

function graphText(graph: Graph, bytes: number): string {
  const d = describeGraph(graph) as { nodes: number; ops: Record<string, number>; inputs: Record<string, string>[]; outputs: Record<string, string>[] }
  const ports = (list: Record<string, string>[]): string => table(list.map((p) => [`  ${p['name']}`, `${p['dtype'] ?? p['kind']}${p['shape'] ?? ''}`]))
  const ops = Object.entries(d.ops).sort((a, b) => b[1] - a[1])
  return [
    `${pc.bold(graph.name)}  ONNX model, ${sizeText(bytes)}, ${d.nodes} nodes after import`,
    `${pc.bold('inputs')}`, ports(d.inputs), `${pc.bold('outputs')}`, ports(d.outputs),
    `${pc.bold('ops')}`, table(ops.map(([op, n]) => [`  ${op}`, String(n)])),
  ].join('\n')
}

const callsText = ({ calls, callsAtLoad }: ProgramDescription['kernels'][number]): string => [...(calls > 0 ? [`${calls}×`] : []), ...(callsAtLoad > 0 ? [`${callsAtLoad}× at load`] : [])].join(', ')

function madeText({ memory, stepsAtLoad }: ProgramDescription): string {
  if (stepsAtLoad === 0) return ''
  return `, of which ${sizeText(memory.madeBytes)} are made when the program is loaded, in ${stepsAtLoad} steps, from ${sizeText(memory.readAtLoadBytes)} of the file`
}

function programText(d: ProgramDescription, bytes: number): string {
  const ports = (list: ProgramDescription['inputs']): string => table(list.map((p) => [`  ${p.name}`, `${p.dtype}${p.shape}`]))
  const origins = (list: readonly string[]): string => { const text = list.slice(0, 2).join('; ') + (list.length > 2 ? `; and ${list.length - 2} more` : ''); return text.length > 100 ? `${text.slice(0, 99)}…` : text }
  const { memory } = d
  const at = Object.entries(memory.symbols).map(([s, v]) => `${s} = ${v}`).join(', ')
  const ratio = memory.lowerBoundBytes === 0 ? '' : ` = ${(memory.arenaBytes / memory.lowerBoundBytes).toFixed(3)} × the lower bound ${sizeText(memory.lowerBoundBytes)}`
  return [
    `${pc.bold(d.name)}  target ${d.target}, ${sizeText(bytes)}, compiled by Ingot ${d.producer}`,
    pc.bold('inputs'), ports(d.inputs), pc.bold('outputs'), ports(d.outputs),
    ...(Object.keys(d.symbols).length > 0 ? [pc.bold('symbols'), table(Object.entries(d.symbols).map(([s, from]) => [`  ${s}`, from]))] : []),
    `${pc.bold('kernels')}  ${d.kernels.length}, called in ${d.steps} steps${d.parts === undefined ? '' : `, in ${d.parts} parts, since extents are only known while running`}`,
    table(d.kernels.map((k) => [`  ${k.name}`, callsText(k), sizeText(k.codeBytes), origins(k.origins)])),
    `${pc.bold('memory')}  ${at === '' ? '' : `with ${at}`}`,
    `  tensors    ${sizeText(memory.arenaBytes)}${ratio}`,
    `  constants  ${sizeText(memory.constantBytes)}${madeText(d)}`,
    `${pc.bold('stored')}  ${sizeText(d.constants.reduce((n, c) => n + c.bytes, 0))} in ${d.constants.length} constants`,
    table([...d.constants].sort((a, b) => b.bytes - a.bytes).slice(0, 8).map((c) => [`  ${c.name}`, `${c.dtype}[${c.shape.join(', ')}]`, sizeText(c.bytes), c.atLoad === true ? 'read at load alone' : ''])),
    ...(d.constants.length > 8 ? [`  and ${d.constants.length - 8} smaller ones (--json lists all)`] : []),
  ].join('\n')
}
