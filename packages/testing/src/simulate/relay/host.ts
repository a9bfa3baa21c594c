import { createRelay, type Relay, type RelayOptions } from '@syncline/relay'
import type { Decider } from '../decider.ts'
import { createMachineClock, type MachineClock } from '../machine-clock.ts'
import type { Kernel } from '../kernel.ts'
import { beginLife, type Life } from '../life.ts'
import type { Network } from '../network.ts'
import type { CheckpointDisk } from './checkpoints.ts'
import type { RelayDisk } from './disk.ts'

/** The machine of the relay. */
export interface Host {
  readonly clock: MachineClock
  readonly disk: RelayDisk
  /** Relays that have run on it, this one too. */
  runs(): number
  /** The relay that runs now, if one does. */
  running(): { readonly life: Life; readonly relay: Relay } | undefined
  start(): void
  /** Ends the relay without a word. */
  kill(): void
  /** Stops the relay in good order; resolves with whether it has come to its end so. */
  stop(): Promise<boolean>
}

export function createHost(
  kernel: Kernel,
  decider: Decider,
  network: Network,
  disk: RelayDisk,
  options: Omit<RelayOptions, 'storage' | 'checkpoints' | 'clock' | 'chance'>,
  checkpoints: CheckpointDisk | undefined,
  before?: { readonly runs: number; readonly skewMs: number },
): Host {
  const clock = createMachineClock(kernel, before?.skewMs)
  let running: ReturnType<Host['running']>
  let runs = before?.runs ?? 0
  const host: Host = {
    clock,
    disk,
    runs: () => runs,
    running: () => running,
    start() {
      if (running !== undefined) return
      const life = beginLife(kernel, 'relay')
      const chance = decider.chance(`relay ${++runs}`)
      const storage = disk.mount(life)
      const relay = createRelay({
        ...options,
        storage,
        ...(checkpoints !== undefined && { checkpoints: checkpoints.mount(life, storage) }),
        clock: clock.of(life),
        chance,
      })
      running = { life, relay }
      network.serve(life, relay)
    },
    kill() {
      running?.life.end()
      running = undefined
    },
    async stop() {
      const stopping = running
      await stopping?.relay.close()
      const isOwnEnd = stopping?.life.isOver() === false
      stopping?.life.end()
      if (running === stopping) running = undefined
      return isOwnEnd
    },
  }
  return host
}
