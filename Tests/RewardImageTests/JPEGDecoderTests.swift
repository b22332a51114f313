import RewardImage
import RewardTestSupport
import Testing

/// libjpeg warns of harmless oddities and of lost data alike.
@Suite struct JPEGDecoderTests {
    private let whole: [UInt8]
    private let image: Image

    init() throws {
        whole = try ImageDecoderTests.bytes("rgb.jpg")
        image = try ImageDecoder.decode(whole).image
    }

    private func position(ofMarker marker: UInt8) throws -> Int {
        try #require(whole.indices.dropLast().first { whole[$0] == 0xff && whole[$0 + 1] == marker })
    }

    @Test func harmlessOddities() throws {
        var version = whole
        // The JFIF segment's major version.
        version[11] = 9
        #expect(try ImageDecoder.decode(version).image == image, "unknown JFIF version")

        let padded = whole.dropLast(2) + [0, 0, 0, 0, 0] + whole.suffix(2)
        #expect(try ImageDecoder.decode(Array(padded)).image == image, "padding before the end marker")

        let tables = try position(ofMarker: 0xdb)
        let stray = whole[..<tables] + [1, 2, 3] + whole[tables...]
        #expect(try ImageDecoder.decode(Array(stray)).image == image, "stray bytes between segments")

        var scan = whole
        // Start of scan: the last spectral coefficient, which a sequential file must say is 63.
        let start = try position(ofMarker: 0xda)
        scan[start + 3 + Int(whole[start + 3]) - 3] = 62
        #expect(try ImageDecoder.decode(scan).image == image, "odd spectral selection")

        let after = whole + [1, 2, 3]
        #expect(try ImageDecoder.decode(after).image == image, "bytes after the end marker")
    }

    @Test func lostDataIsRefused() throws {
        #expect(throws: ImageError.self, "cut") { _ = try ImageDecoder.decode(Array(whole.dropLast(60))) }
        let ended = whole.dropLast(60) + [0xff, 0xd9]
        #expect(throws: ImageError.self, "cut, with an end marker") { _ = try ImageDecoder.decode(Array(ended)) }
        // Ones without end are no Huffman code; a zero byte follows each so that none reads as a marker.
        var damaged = whole
        let start = try position(ofMarker: 0xda)
        for index in start + 40..<start + 80 { damaged[index] = (index - start) % 2 == 0 ? 0xff : 0 }
        #expect(throws: ImageError.self, "bad codes") { _ = try ImageDecoder.decode(damaged) }
    }
}
