/**
 * Runs ONNX backend tests and counts what passes:
 *   npm run conformance -- DIR [--target interpret|js|wasm|wgsl] [--threads N] [--filter REGEXP] [--json] [--list]
 * DIR holds one folder per test. Exit code 1 where a test fails; unsupported ones are counted and named.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { engineOf } from './backend-engines.js'
import { runCase, type Outcome } from './backend-case.js'

interface Options { readonly folder: string; readonly target: string; readonly threads: number; readonly filter: RegExp; readonly json: boolean; readonly list: boolean }

function parse(args: readonly string[]): Options {
  const value = (flag: string, absent: string): string => { const i = args.indexOf(flag); return i < 0 ? absent : args[i + 1] ?? absent }
  const valued = new Set(['--target', '--threads', '--filter'])
  const folder = args.find((a, i) => !a.startsWith('--') && !valued.has(args[i - 1] ?? ''))
  if (folder === undefined) throw new Error('usage: npm run conformance -- DIR [--target interpret|js|wasm|wgsl] [--threads N] [--filter REGEXP] [--json] [--list]')
  return { folder, target: value('--target', 'interpret'), threads: Number(value('--threads', '1')), filter: new RegExp(value('--filter', '')), json: args.includes('--json'), list: args.includes('--list') }
}

async function main(): Promise<void> {
  const options = parse(process.argv.slice(2))
  const engine = engineOf(options.target, options.threads)
  const names = readdirSync(options.folder).filter((n) => options.filter.test(n)).sort()
  const outcomes: Outcome[] = []
  for (const name of names) outcomes.push(await runCase(join(options.folder, name), name, engine))
  const of = (verdict: Outcome['verdict']): Outcome[] => outcomes.filter((o) => o.verdict === verdict)
  if (options.json) console.log(JSON.stringify({ target: options.target, outcomes }, null, 1))
  else if (options.list) console.log(of('pass').map((o) => o.name).join('\n'))
  else {
    for (const o of outcomes) if (o.verdict !== 'pass') console.log(`${o.verdict} ${o.name}: ${o.why.split('\n')[0]}`)
    console.log(`${options.target}: ${of('pass').length} pass, ${of('fail').length} fail, ${of('unsupported').length} unsupported, of ${outcomes.length}`)
  }
  process.exitCode = of('fail').length > 0 ? 1 : 0
}

await main()
