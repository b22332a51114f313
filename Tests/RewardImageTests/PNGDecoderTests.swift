import RewardImage
import RewardTestSupport
import Testing

/// Every PNG colour type and depth, with the pixels that Pillow and OpenCV read; `Scripts/make-png-fixtures.py`.
@Suite struct PNGDecoderTests {
    struct Kind: CustomTestStringConvertible, Sendable {
        var name: String
        var depth: Int
        var facts: [ImageFact]

        var testDescription: String { name }
    }

    static let kinds: [Kind] =
        [1, 2, 4, 8, 16].flatMap { depth in
            let bits: [ImageFact] = depth == 8 ? [] : [.sampleDepth(depth)]
            return [
                Kind(name: "grey-\(depth)", depth: depth, facts: [.greyscale] + bits),
                Kind(name: "grey-key-\(depth)", depth: depth, facts: [.greyscale, .alphaDropped] + bits),
            ]
        }
        + [8, 16].flatMap { depth in
            let bits: [ImageFact] = depth == 8 ? [] : [.sampleDepth(depth)]
            return [
                Kind(name: "grey-alpha-\(depth)", depth: depth, facts: [.greyscale, .alphaDropped] + bits),
                Kind(name: "rgb-\(depth)", depth: depth, facts: bits),
                Kind(name: "rgb-key-\(depth)", depth: depth, facts: [.alphaDropped] + bits),
                Kind(name: "rgba-\(depth)", depth: depth, facts: [.alphaDropped] + bits),
            ]
        }
        + [1, 2, 4, 8].flatMap { depth in
            // The palette's entries have 8 bits: its index depth is no sample depth.
            [
                Kind(name: "palette-\(depth)", depth: depth, facts: []),
                Kind(name: "palette-alpha-\(depth)", depth: depth, facts: [.alphaDropped]),
            ]
        }
        + [
            Kind(name: "tiny-16", depth: 16, facts: [.sampleDepth(16)]),
            Kind(name: "tiny-1", depth: 1, facts: [.greyscale, .sampleDepth(1)]),
        ]

    @Test(arguments: kinds, ["", "-interlaced"])
    func everyKindHasThePixelsThatOthersRead(kind: Kind, suffix: String) throws {
        let decoded = try ImageDecoder.decode(try ImageDecoderTests.bytes("png/\(kind.name)\(suffix).png"))
        let expected = try ImageDecoderTests.bytes("png/\(kind.name).rgb")
        switch decoded.image.samples {
        case .uint8(let samples): #expect(kind.depth < 16 && samples == expected)
        case .float32(let samples):
            let levels = stride(from: 0, to: expected.count, by: 2).map {
                Int(expected[$0]) | Int(expected[$0 + 1]) << 8
            }
            // All 16 bits: neighbouring levels are different floats.
            #expect(kind.depth == 16 && samples.map { Int(($0 * 65535).rounded()) } == levels)
        }
        #expect(decoded.facts == kind.facts)
    }

    @Test func compressedTextsNeverUnpackWithoutBound() throws {
        let decoded = try ImageDecoder.decode(try ImageDecoderTests.bytes("png/bomb-text.png"))
        #expect(decoded.image == (try ImageDecoder.decode(try ImageDecoderTests.bytes("png/rgb-8.png"))).image)
    }

    /// A whole file: headers as they should be, hardly any data.
    static func header(width: UInt32, height: UInt32, depth: UInt8 = 8) -> [UInt8] {
        func number(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
        func chunk(_ kind: String, _ data: [UInt8]) -> [UInt8] {
            let body = Array(kind.utf8) + data
            var crc: UInt32 = 0xffff_ffff
            for byte in body {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
            }
            return number(UInt32(data.count)) + body + number(~crc)
        }
        return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
            + chunk("IHDR", number(width) + number(height) + [depth, 2, 0, 0, 0])
            // An empty zlib stream: libpng reads on to the first data chunk before it hands out the header.
            + chunk("IDAT", [0x78, 0x9c, 3, 0, 0, 0, 0, 1]) + chunk("IEND", [])
    }

    @Test(arguments: [(100_000, 10), (10, 100_000), (16_000, 16_000), (2_000_000_000, 2_000_000_000)])
    func picturesOverTheLimitsAreRefusedByTheirHeader(width: Int, height: Int) throws {
        #expect(throws: ImageError.tooLarge(width: width, height: height, .default)) {
            try ImageDecoder.decode(Self.header(width: UInt32(width), height: UInt32(height), depth: 16))
        }
    }
}
