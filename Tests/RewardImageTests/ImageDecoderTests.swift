import FoundationEssentials
import RewardImage
import RewardTestSupport
import Testing

@Suite struct ImageDecoderTests {
    static let names =
        [
            "rgb.png", "rgba.png", "grey.png", "grey-alpha.png", "bit.png", "palette.png", "palette-transparent.png",
            "one.png", "rgb.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "lossy.webp", "lossless.webp",
        ] + (2...8).map { "orientation-\($0).jpg" }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: Fixtures.path("RewardImageTests", name))))
    }

    @Test(arguments: names) func picturesHaveThePixelsThatPillowReads(name: String) throws {
        let decoded = try ImageDecoder.decode(try Self.bytes(name))
        guard case .uint8(let samples) = decoded.image.samples else {
            Issue.record("\(name) is not 8-bit")
            return
        }
        // Decoders differ by a level in how they round the inverse transform.
        expectClose(
            samples.map { Float($0) }, try Self.bytes("\(name).rgb").map { Float($0) },
            absolute: name.hasSuffix("png") ? 0 : 1, name)
    }

    @Test func factsSayWhatThePictureNoLongerShows() throws {
        #expect(try ImageDecoder.decode(try Self.bytes("rgb.png")).facts.isEmpty)
        #expect(try ImageDecoder.decode(try Self.bytes("rgba.png")).facts == [.alphaDropped])
        #expect(try ImageDecoder.decode(try Self.bytes("grey-alpha.png")).facts == [.greyscale, .alphaDropped])
        #expect(try ImageDecoder.decode(try Self.bytes("cmyk.jpg")).facts == [.cmyk])
        #expect(try ImageDecoder.decode(try Self.bytes("orientation-6.jpg")).facts == [.exifOrientation(6)])
    }

    @Test func oversizedPicturesAreRefusedByTheirHeader() throws {
        #expect(throws: ImageError.tooLarge(width: 30, height: 21, ImageLimits(maxSide: 100, maxPixels: 600))) {
            try ImageDecoder.decode(try Self.bytes("rgb.jpg"), limits: ImageLimits(maxSide: 100, maxPixels: 600))
        }
    }

    @Test(arguments: names) func everyTruncationIsATypedError(name: String) throws {
        let whole = try Self.bytes(name)
        // The last bytes of a JPEG or PNG may be an end marker no pixel depends on.
        for count in stride(from: 0, to: whole.count - 16, by: max(1, whole.count / 40)) {
            #expect(throws: ImageError.self, "\(name) cut to \(count)") {
                try ImageDecoder.decode(Array(whole.prefix(count)))
            }
        }
    }

    @Test(arguments: names) func damagedBytesGiveAPictureOrATypedErrorButNoCrash(name: String) throws {
        let whole = try Self.bytes(name)
        var state: UInt64 = 11
        for _ in 0..<200 {
            var bytes = whole
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int((state >> 33) % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: state >> 20)
            }
            do throws(ImageError) { _ = try ImageDecoder.decode(bytes) } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test func encodedPicturesDecodeToThemselves() throws {
        let image = try ImageDecoder.decode(try Self.bytes("rgb.png")).image
        #expect(try ImageDecoder.decode(PNGEncoder.encode(image)).image == image)
        let map = Heatmap(width: 2, height: 1, values: [0, .nan])
        #expect(try ImageDecoder.decode(PNGEncoder.encode(map)).facts == [.greyscale])
    }
}
