import CLibCrypto

/// SHA-256 (FIPS 180-4), for naming models. OpenSSL's, which uses the processor's own instructions for it.
package struct SHA256: ~Copyable {
    private let context: OpaquePointer

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("OpenSSL has no SHA-256")
        }
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let isDone = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
        precondition(isDone, "hashing cannot fail")
    }

    /// 64 hex digits. Nothing may be added afterwards.
    package mutating func hexDigest() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        let isDone = EVP_DigestFinal_ex(context, &digest, nil) == 1
        precondition(isDone, "hashing cannot fail")
        return digest.map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }
}
