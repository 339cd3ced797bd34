/** `ingot opt`: graph text in, passes, graph text out; what golden tests use. */
import { Command } from 'commander'
import { parseGraph, PASSES, printGraph, runPasses } from '../src/index.js'
import { readBytes } from './model.js'

/** The subcommand. */
export function optCommand(): Command {
  return new Command('opt')
    .description('Run passes over the text form of a graph and print the result.')
    .argument('<graph>', 'a file of graph text, or - for standard input')
    .requiredOption('--passes <names>', 'names, separated by commas', (s: string) => s.split(',').map((n) => n.trim()).filter((n) => n !== ''))
    .option('--no-verify', 'do not verify the graph after each pass')
    .addHelpText('after', () => `\nPasses:\n${[...PASSES.values()].map((p) => `  ${p.name.padEnd(24)} ${p.doc}`).join('\n')}\n\nExample:\n  $ ingot opt graph.ing --passes=fold-constants,fuse`)
    .action(async (file: string, options: { readonly passes: readonly string[]; readonly verify: boolean }) => {
      const text = file === '-' ? await standardInput() : new TextDecoder().decode(await readBytes(file))
      process.stdout.write(printGraph(runPasses(parseGraph(text), options.passes, { verify: options.verify }), { weights: 'full' }))
    })
}

async function standardInput(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk
  return text
}
