public import RewardModel

/// How a server encrypts: its own key pair, and who may connect.
package struct ServerSecurity: Sendable {
    let keys: CurveKeyPair
    /// Nil: everyone who knows the server's public key.
    package let clients: ClientList?

    /// - Throws: `fileError` when a file cannot be used, `invalidRequest` when libzmq cannot encrypt.
    package init(secretFile: String, clientsFile: String? = nil) throws(Failure) {
        guard CurveKeyPair.isSupported else { throw Failure(.invalidRequest, "this libzmq was built without CURVE") }
        keys = try CurveFile.keyPair(path: secretFile)
        if let clientsFile { clients = try ClientList(path: clientsFile) } else { clients = nil }
    }

    /// The key that clients must know, 40 characters of Z85.
    package var publicKey: String { keys.publicText }
}

/// How a client encrypts: the server's public key, which no other server can pretend to have, and its own pair.
public struct ClientSecurity: Sendable {
    let serverKey: CurveKey
    let keys: CurveKeyPair

    /// Reads key files as `rahf keygen`, CZMQ and pyzmq write them.
    ///
    /// - Parameters:
    ///   - serverFile: the server's `NAME.key`.
    ///   - secretFile: this client's `NAME.key_secret`. Nil makes a pair for once, which servers with a list of clients
    ///     refuse.
    /// - Throws: `Failure`: `fileError` when a file cannot be used, `invalidRequest` when libzmq cannot encrypt.
    public init(serverFile: String, secretFile: String? = nil) throws(Failure) {
        guard CurveKeyPair.isSupported else { throw Failure(.invalidRequest, "this libzmq was built without CURVE") }
        serverKey = try CurveFile.publicKey(path: serverFile)
        if let secretFile {
            keys = try CurveFile.keyPair(path: secretFile)
        } else {
            do { keys = try CurveKeyPair() } catch { throw Failure(.internalError, error.description) }
        }
    }
}
