/// The head of an HTTP/1.0 or 1.1 request, as far as a page of figures needs it.
package struct HTTPRequest: Sendable, Equatable {
    package enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
    }

    package var method: Method
    /// Without the query.
    package var path: String
    /// What follows the question mark; empty without one.
    package var query: String

    package init(method: Method, path: String, query: String = "") {
        self.method = method
        self.path = path
        self.query = query
    }

    /// What bytes hold so far.
    package enum Parsed: Sendable, Equatable {
        /// The head has not ended.
        case incomplete
        case request(HTTPRequest)
        /// The status that answers what is no request.
        case wrong(Int)
    }

    /// Longer heads are refused.
    package static let maximumBytes = 8192

    /// Reads the start of a connection. Header fields are not looked at: no answer depends on them.
    package static func parse(_ bytes: [UInt8]) -> Parsed {
        guard let end = endOfHead(bytes) else { return bytes.count < maximumBytes ? .incomplete : .wrong(431) }
        guard end <= maximumBytes else { return .wrong(431) }
        let line = bytes.prefix { $0 != 0x0d && $0 != 0x0a }
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        // A target is visible ASCII; everything else would be encoded in it.
        guard words.count == 3, words.allSatisfy({ $0.allSatisfy { (0x21...0x7e).contains($0) } }),
            words[1].first == 0x2f
        else { return .wrong(400) }
        let text = words.map { String(decoding: $0, as: UTF8.self) }
        guard text[2] == "HTTP/1.1" || text[2] == "HTTP/1.0" else {
            return .wrong(text[2].hasPrefix("HTTP/") ? 505 : 400)
        }
        guard let method = Method(rawValue: text[0]) else { return .wrong(405) }
        let parts = text[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        return .request(
            HTTPRequest(method: method, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : ""))
    }

    /// Where the empty line ends. Lines end with a line feed, mostly after a carriage return.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        var isEmptyLine = false
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case 0x0a:
                if isEmptyLine { return index + 1 }
                isEmptyLine = true
            case 0x0d: break
            default: isEmptyLine = false
            }
        }
        return nil
    }
}

/// What answers a request; the connection ends with it.
package struct HTTPResponse: Sendable, Equatable {
    package var status: Int
    package var type: String
    package var body: [UInt8]

    package init(status: Int = 200, type: String = "text/plain; charset=utf-8", _ body: String) {
        self.status = status
        self.type = type
        self.body = Array(body.utf8)
    }

    private static let reasons = [
        200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
        431: "Request Header Fields Too Large", 503: "Service Unavailable", 505: "HTTP Version Not Supported",
    ]

    static func wrong(_ status: Int) -> HTTPResponse { HTTPResponse(status: status, "\(reasons[status] ?? "Error")\n") }

    /// All bytes of it. A page may run what it brings itself, and ask nobody but this server.
    func bytes(for method: HTTPRequest.Method) -> [UInt8] {
        let head = """
            HTTP/1.1 \(status) \(Self.reasons[status] ?? "Error")\r
            Content-Type: \(type)\r
            Content-Length: \(body.count)\r
            Cache-Control: no-store\r
            X-Content-Type-Options: nosniff\r
            X-Frame-Options: DENY\r
            Referrer-Policy: no-referrer\r
            Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
            connect-src 'self'; base-uri 'none'; form-action 'none'\r
            \(status == 405 ? "Allow: GET, HEAD\r\n" : "")Connection: close\r
            \r

            """
        return Array(head.utf8) + (method == .head ? [] : body)
    }
}
