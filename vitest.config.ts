import { defineConfig } from 'vitest/config'
import { workerPlugin } from './test/worker-plugin.js'

export default defineConfig({
  plugins: [workerPlugin()],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    // Two cores: more workers only compete.
    maxWorkers: 2,
  },
})
