import CZeroMQ
import Glibc

/// One half of a CURVE key pair: 32 bytes, written as 40 characters of Z85 (ZeroMQ RFC 32).
struct CurveKey: Sendable, Hashable {
    let bytes: [UInt8]

    init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Reads 40 characters of Z85; nil for anything else.
    init?(z85 text: some StringProtocol) {
        guard text.utf8.count == 40 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        guard zmq_z85_decode(&bytes, String(text)) != nil else { return nil }
        self.bytes = bytes
    }

    var z85: String {
        var text = [CChar](repeating: 0, count: 41)
        _ = zmq_z85_encode(&text, bytes, bytes.count)
        return String(decoding: text.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A CURVE key pair. It never shows its secret half, in print, logs or a debugger's description.
package struct CurveKeyPair: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let publicKey: CurveKey
    let secretKey: CurveKey

    /// A new pair from the system's randomness.
    package init() throws(ZeroMQError) {
        var (publicText, secretText) = ([CChar](repeating: 0, count: 41), [CChar](repeating: 0, count: 41))
        guard zmq_curve_keypair(&publicText, &secretText) == 0 else { throw .last("make a CURVE key pair") }
        func key(_ text: [CChar]) -> CurveKey? {
            CurveKey(z85: String(decoding: text.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        guard let publicKey = key(publicText), let secretKey = key(secretText) else {
            throw ZeroMQError(operation: "read a new CURVE key pair", number: EINVAL)
        }
        (self.publicKey, self.secretKey) = (publicKey, secretKey)
    }

    /// The pair of a secret key. Nil when it is no key.
    init?(secretKey: CurveKey) {
        var text = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&text, secretKey.z85) == 0,
            let publicKey = CurveKey(
                z85: String(decoding: text.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        else { return nil }
        (self.publicKey, self.secretKey) = (publicKey, secretKey)
    }

    /// The public half, 40 characters of Z85.
    package var publicText: String { publicKey.z85 }

    package var description: String { "the CURVE key pair of \(publicKey.z85)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// True when this libzmq can encrypt.
    package static var isSupported: Bool { zmq_has("curve") == 1 }
}
