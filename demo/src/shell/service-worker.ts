import { Workbox } from 'workbox-window'

/** A newer build that was installed and waits. */
export interface Update {
  /** Lets it take over and loads the page anew. */
  apply(): void
}

/** How long a tab goes on without asking whether there is a newer build. */
const CHECK_EVERY_MS = 30 * 60_000

/**
 * Registers the service worker that keeps this build on the device, so that the page opens without a network and without a relay.
 *
 * A newer build is installed beside the old one and waits: the files of the old build stay in the cache for the pages that
 * run it. `onUpdate` is called when one waits, and again, in each other tab, when one of them has let it take over.
 */
export function keepOnDevice(onUpdate: (update: Update) => void): void {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return
  const workbox = new Workbox('/sw.js')
  let isApplying = false

  workbox.addEventListener('waiting', () => {
    onUpdate({
      apply() {
        isApplying = true
        workbox.messageSkipWaiting()
      },
    })
  })
  workbox.addEventListener('controlling', ({ isUpdate }) => {
    if (isApplying) location.reload()
    // Another tab has switched builds. This page goes on with what it has loaded; nothing is taken from under its user.
    else if (isUpdate) onUpdate({ apply: () => location.reload() })
  })
  // An origin may forbid service workers; the page works without, as long as there is a network.
  void workbox.register().catch(() => undefined)
  setInterval(() => void workbox.update().catch(() => undefined), CHECK_EVERY_MS)
}
