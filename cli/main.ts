#!/usr/bin/env node
/** The `ingot` command. One file per subcommand; this one puts them together and turns errors into one screen. */
import { Command } from 'commander'
import { parseDebugWords, VERSION } from '../src/index.js'
import { benchCommand } from './bench.js'
import { compileCommand } from './compile.js'
import { report } from './errors.js'
import { inspectCommand } from './inspect.js'
import { optCommand } from './opt.js'
import { runCommand } from './run.js'
import { verifyCommand } from './verify.js'

/** Errors are printed by `report`, in one form for all. */
const QUIET = { outputError: (): void => undefined }

/** Runs the command line `argv` (as in `process.argv`) and sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('ingot')
    .description('Compiles inference graphs for JavaScript: an ONNX model in, a small specialised program out.')
    .version(VERSION)
    .exitOverride()
    .configureOutput(QUIET)
    .addHelpText('after', '\nExample:\n  $ ingot compile model.onnx -o model.ingot\n  $ ingot run model.ingot --input x=random')
  for (const command of [compileCommand(), runCommand(), inspectCommand(), benchCommand(), verifyCommand(), optCommand()]) program.addCommand(command.exitOverride().configureOutput(QUIET))
  try {
    parseDebugWords(process.env['INGOT_DEBUG'])
    await program.parseAsync(argv as string[])
  } catch (error) {
    process.exitCode = report(error)
  }
}

// A reader that closes the pipe early (`ingot inspect … | head`) has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0); throw error })

await main(process.argv)
