import { describe } from 'vitest'
import type { Storage } from '../../src/index.ts'
import { channelsContract } from './channels.ts'
import { locksContract } from './locks.ts'
import { logContract } from './log.ts'

/** A fresh browser: two tabs on one storage that is still empty. */
export interface BrowserUnderTest {
  readonly tabs: readonly [Storage, Storage]
  dispose?(): Promise<void>
}

/** Proves that a storage keeps what the port promises: logs, locks and channels. */
export function storageContract(name: string, openBrowser: () => Promise<BrowserUnderTest>): void {
  describe(`${name} is a Storage`, () => {
    describe('log', () => {
      logContract(openBrowser)
    })
    describe('locks', () => {
      locksContract(openBrowser)
    })
    describe('channels', () => {
      channelsContract(openBrowser)
    })
  })
}
