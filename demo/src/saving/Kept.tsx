import { requestPersistence } from '@syncline/idb'
import { useStatus } from '@syncline/react'

/** That the browser may clear what is on this device, where it may, and the way to ask it not to. Asking is up to the person: Firefox puts the question to them. */
export function Kept() {
  const persistence = useStatus((status) => status.persistence)

  if (persistence === 'granted') return null
  return (
    <span className="mt-1 block" data-testid="kept" data-kept={persistence}>
      {persistence === 'denied'
        ? 'The browser may clear it to make room: it was asked to keep it, and does not promise that yet.'
        : 'The browser may clear it to make room.'}{' '}
      {persistence === 'unasked' && (
        <button
          type="button"
          onClick={() => void requestPersistence()}
          className="rounded font-medium text-accent hover:underline"
        >
          Ask it to keep this
        </button>
      )}
    </span>
  )
}
