import RewardServer
import Testing

@Suite struct HTTPRequestTests {
    private func parse(_ text: String) -> HTTPRequest.Parsed { HTTPRequest.parse(Array(text.utf8)) }

    @Test func requestsAreReadAndTheirHeaderFieldsAreNot() {
        let get = HTTPRequest(method: .get, path: "/figures.json", query: "span=run")
        #expect(parse("GET /figures.json?span=run HTTP/1.1\r\nHost: x\r\nCookie: \u{1}\r\n\r\nrest") == .request(get))
        #expect(parse("HEAD / HTTP/1.0\n\n") == .request(HTTPRequest(method: .head, path: "/", query: "")))
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\n\r\n", 405), ("get / HTTP/1.1\r\n\r\n", 405), ("GET / HTTP/3\r\n\r\n", 505),
        ("GET / FTP/1.1\r\n\r\n", 400), ("GET  / HTTP/1.1\r\n\r\n", 400), ("GET /\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\n\r\n", 400), ("GET /\u{0} HTTP/1.1\r\n\r\n", 400), ("\r\n\r\n", 400),
        ("GET /ä HTTP/1.1\r\n\r\n", 400),
    ])
    func whatIsNoRequestHasItsStatus(text: String, status: Int) {
        #expect(parse(text) == .wrong(status))
    }

    @Test func aHeadWithoutEndIsRefusedAtItsLimit() {
        let most = HTTPRequest.maximumBytes
        #expect(HTTPRequest.parse([UInt8](repeating: 0x61, count: most - 1)) == .incomplete)
        #expect(HTTPRequest.parse([UInt8](repeating: 0x61, count: most)) == .wrong(431))
        let late = "GET / HTTP/1.1\r\nX: \(String(repeating: "y", count: most))\r\n\r\n"
        #expect(parse(late) == .wrong(431))
    }

    /// Changed and cut requests: the answer is one of the three, and no beginning of a request is taken for a whole one.
    @Test func noBytesAreTooStrange() {
        let seed = Array("GET /figures.json?span=run HTTP/1.1\r\nHost: 127.0.0.1:9464\r\nAccept: */*\r\n\r\n".utf8)
        var random = SystemLikeRandom(7)
        for round in 0..<20_000 {
            var bytes = seed
            for _ in 0..<random.below(6) {
                switch random.below(4) {
                case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
                case 1: bytes.insert(UInt8(random.below(256)), at: random.below(bytes.count))
                case 2: bytes.remove(at: random.below(bytes.count))
                default: bytes += bytes[random.below(bytes.count)...]
                }
            }
            if round % 3 == 0 { bytes.removeLast(random.below(bytes.count)) }
            switch HTTPRequest.parse(bytes) {
            case .incomplete: #expect(bytes.count < HTTPRequest.maximumBytes)
            case .wrong(let status): #expect([400, 405, 431, 505].contains(status))
            case .request(let request):
                #expect(request.path.hasPrefix("/") && bytes.contains(0x0a))
                #expect((request.path + request.query).utf8.allSatisfy { (0x21...0x7e).contains($0) })
            }
        }
        for count in 0..<seed.count { #expect(HTTPRequest.parse(Array(seed[..<count])) == .incomplete) }
    }
}

/// Seeded numbers.
private struct SystemLikeRandom {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % max(bound, 1)
    }
}
