import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import buildLab from '../e2e/support/build-lab.ts'
import { openRelay, type TestRelay } from '../e2e/support/relay.ts'
import { serveLab } from '../e2e/support/serve-lab.ts'
import type { Engine } from './engine.ts'
import { asked, openNamed } from './open.ts'

/** What the tests of one file share, from before the first of them until after the last. */
export interface Stage {
  readonly engine: Engine
  readonly relay: TestRelay
  /** Where the page of `e2e/lab` is. */
  readonly labUrl: string
}

export function stage(): Stage {
  let engine: Engine | undefined
  let relay: TestRelay | undefined
  let lab: Awaited<ReturnType<typeof serveLab>> | undefined
  let dataFolder: string | undefined

  beforeAll(async () => {
    await buildLab()
    dataFolder = await mkdtemp(join(tmpdir(), 'syncline-engines-'))
    relay = await openRelay(dataFolder)
    await relay.start()
    lab = await serveLab()
    engine = await openNamed(asked)
  }, 60_000)

  afterAll(async () => {
    await engine?.close()
    await lab?.close()
    await relay?.stop()
    if (dataFolder !== undefined) await rm(dataFolder, { recursive: true, force: true })
  })

  return {
    get engine() {
      return engine!
    },
    get relay() {
      return relay!
    },
    get labUrl() {
      return lab!.url
    },
  }
}
