/** A delivery, awaited. */
import type {
  BackendTransaction,
  DeliveryOrder,
  ParcelResultReply,
} from '../../src/backend/backend.ts'
import type { TextSource } from '../../src/message/text-source.ts'

/** What the session is told of all parcels at the end. */
export async function delivered(
  transaction: BackendTransaction,
  order: DeliveryOrder,
  text: TextSource,
): Promise<readonly ParcelResultReply[]> {
  return await new Promise((resolve) =>
    transaction.deliver(order, text, { parcelDelivered: () => undefined, delivered: resolve }),
  )
}
