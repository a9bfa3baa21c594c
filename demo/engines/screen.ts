import { spawn } from 'node:child_process'

/** A screen in memory. */
export interface Screen {
  /** The surroundings of a browser that shows itself there. */
  readonly env: NodeJS.ProcessEnv
  end(): void
}

/** Starts a screen that nobody sees. */
export async function startScreen(program: string): Promise<Screen> {
  const child = spawn(program, ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const name = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The screen for WebKit ended with ${code}.`)))
    child.stdio[3]!.on('data', (chunk: Buffer) => resolve(`:${chunk.toString().trim()}`))
  })
  return {
    env: {
      ...process.env,
      DISPLAY: name,
      // Inside a container there is no user namespace for the sandbox, no bus and no graphics card.
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
      LIBGL_ALWAYS_SOFTWARE: '1',
      NO_AT_BRIDGE: '1',
      GTK_A11Y: 'none',
    },
    end: () => void child.kill('SIGKILL'),
  }
}
