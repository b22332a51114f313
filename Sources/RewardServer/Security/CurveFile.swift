import Glibc
package import RewardModel

/// Key files as CZMQ and pyzmq (`zmq.auth`) write and read them: `NAME.key` with the public key, for everyone, and
/// `NAME.key_secret` with both, for its owner alone.
package enum CurveFile {
    /// Makes a key pair and its two files, mode 0600 and 0644. Existing files are never written over.
    ///
    /// - Parameter path: where they lie, without their extensions; its folder must exist.
    /// - Returns: the public key, 40 characters of Z85.
    package static func generate(at path: String) throws(Failure) -> String {
        let pair: CurveKeyPair
        do { pair = try CurveKeyPair() } catch { throw Failure(.internalError, error.description) }
        let (publicPath, secretPath) = ("\(path).key", "\(path).key_secret")
        guard access(publicPath, F_OK) != 0 else { throw Failure(.fileError, "\(publicPath) exists already") }
        let publicPart = "metadata\ncurve\n    public-key = \"\(pair.publicKey.z85)\"\n"
        try write(
            "# ZeroMQ CURVE secret certificate: for its owner alone.\n\n\(publicPart)"
                + "    secret-key = \"\(pair.secretKey.z85)\"\n", to: secretPath, mode: 0o600)
        do throws(Failure) {
            try write("# ZeroMQ CURVE public certificate: for everyone.\n\n\(publicPart)", to: publicPath, mode: 0o644)
        } catch {
            unlink(secretPath)
            throw error
        }
        return pair.publicKey.z85
    }

    /// Reads a secret file.
    ///
    /// - Throws: `fileError` when others than its owner may read it, when it cannot be read, or holds no secret key.
    ///   No message quotes the file.
    package static func keyPair(path: String) throws(Failure) -> CurveKeyPair {
        let text = try read(path, secret: true)
        guard let secret = value("secret-key", in: text).flatMap({ CurveKey(z85: $0) }),
            let pair = CurveKeyPair(secretKey: secret)
        else { throw Failure(.fileError, "\(path) holds no CURVE secret key; 'rahf keygen' makes such files") }
        if let stated = value("public-key", in: text), stated != pair.publicKey.z85 {
            throw Failure(.fileError, "\(path) holds two keys that do not belong together")
        }
        return pair
    }

    /// Reads the public key of either file.
    static func publicKey(path: String) throws(Failure) -> CurveKey {
        guard let key = value("public-key", in: try read(path, secret: false)).flatMap({ CurveKey(z85: $0) }) else {
            throw Failure(.fileError, "\(path) holds no CURVE public key; 'rahf keygen' makes such files")
        }
        return key
    }

    private static func value(_ name: String, in text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.drop { $0 == " " || $0 == "\t" }
            // A comment; keys may hold the sign themselves.
            guard !line.hasPrefix("#"), line.hasPrefix(name) else { continue }
            let rest = line.dropFirst(name.count).drop { $0 == " " || $0 == "\t" }
            guard rest.first == "=" else { continue }
            let quoted = rest.dropFirst().drop { $0 == " " || $0 == "\t" }
            guard let quote = quoted.first, quote == "\"" || quote == "'" else { continue }
            return String(quoted.dropFirst().prefix { $0 != quote })
        }
        return nil
    }

    /// Reads a small text file; a secret one only when it is its owner's alone.
    static func read(_ path: String, secret: Bool) throws(Failure) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw systemFailure(path) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw systemFailure(path) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= 16 << 20 else {
            throw Failure(.fileError, "\(path) is no key file")
        }
        if secret, status.st_mode & 0o077 != 0 {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw Failure(.fileError, "\(path) holds a secret and others may use it (mode \(mode)): chmod 600 it")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var done = 0
        while done < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(file, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw systemFailure(path) }
            if got == 0 { break }
            done += got
        }
        return String(decoding: bytes[..<done], as: UTF8.self)
    }

    private static func write(_ text: String, to path: String, mode: mode_t) throws(Failure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw systemFailure(path) }
        let bytes = Array(text.utf8)
        // The umask may only take rights away.
        let written = Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        guard close(file) == 0, written else {
            let failure = systemFailure(path)
            unlink(path)
            throw failure
        }
    }
}
