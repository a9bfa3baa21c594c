import { requestPersistence } from '@syncline/idb'
import { useEffect, useState } from 'react'

/** What is known of whether the browser keeps what is on this device: not asked yet, or what it has answered. */
type Kept = 'unasked' | 'granted' | 'denied' | 'unknown'

/** That the browser may clear what is on this device, where it may, and the way to ask it not to. Asking is up to the person: Firefox puts the question to them. */
export function Kept() {
  const [kept, setKept] = useState<Kept>()

  useEffect(() => {
    let isThere = true
    void isKept().then((it) => isThere && setKept(it))
    return () => {
      isThere = false
    }
  }, [])

  if (kept === undefined || kept === 'granted') return null
  return (
    <span className="mt-1 block" data-testid="kept" data-kept={kept}>
      {kept === 'denied'
        ? 'The browser may clear it to make room: it was asked to keep it, and does not promise that yet.'
        : 'The browser may clear it to make room.'}{' '}
      {kept === 'unasked' && (
        <button
          type="button"
          onClick={() => void requestPersistence().then(setKept)}
          className="rounded font-medium text-accent hover:underline"
        >
          Ask it to keep this
        </button>
      )}
    </span>
  )
}

async function isKept(): Promise<Kept> {
  // Insecure origins have none, whatever the types say.
  const storage = navigator.storage as StorageManager | undefined
  if (storage === undefined) return 'unknown'
  return (await storage.persisted().catch(() => false)) ? 'granted' : 'unasked'
}
