/// The one EXIF field that changes a picture.
enum EXIF {
    /// Orientation 1 to 8 from a JPEG's APP1 segment; nil when absent or malformed (EXIF 2.3, TIFF 6.0).
    static func orientation(inJPEG bytes: [UInt8]) -> Int? {
        var position = 2
        while position + 4 <= bytes.count, bytes[position] == 0xff {
            let marker = bytes[position + 1]
            // Any number of fill bytes may stand before a marker.
            if marker == 0xff {
                position += 1
                continue
            }
            // Image data follows: no more headers.
            if marker == 0xda || marker == 0xd9 { return nil }
            let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
            let end = position + 2 + length
            guard length >= 2, end <= bytes.count else { return nil }
            let payload = bytes[(position + 4)..<end]
            if marker == 0xe1, payload.starts(with: Array("Exif\0\0".utf8)) {
                return orientation(inTIFF: Array(payload.dropFirst(6)))
            }
            position = end
        }
        return nil
    }

    private static func orientation(inTIFF bytes: [UInt8]) -> Int? {
        guard bytes.count >= 8 else { return nil }
        let little = bytes.starts(with: Array("II".utf8))
        guard little || bytes.starts(with: Array("MM".utf8)) else { return nil }
        func number(_ offset: Int, _ size: Int) -> Int? {
            guard offset >= 0, offset + size <= bytes.count else { return nil }
            let octets = bytes[offset..<offset + size]
            return (little ? octets.reversed() : Array(octets)).reduce(0) { $0 << 8 | Int($1) }
        }
        guard let directory = number(4, 4), let count = number(directory, 2) else { return nil }
        for entry in 0..<count {
            let offset = directory + 2 + entry * 12
            guard let tag = number(offset, 2), let type = number(offset + 2, 2) else { return nil }
            if tag == 0x0112, type == 3, let value = number(offset + 8, 2) {
                return (1...8).contains(value) ? value : nil
            }
        }
        return nil
    }
}

extension Image {
    /// The picture turned upright from EXIF orientation 1 to 8.
    func oriented(_ orientation: Int) -> Image {
        let swaps = orientation >= 5
        let (newWidth, newHeight) = swaps ? (height, width) : (width, height)
        func source(_ x: Int, _ y: Int) -> Int {
            let (column, row) = swaps ? (y, x) : (x, y)
            let mirrored = [2, 3, 7, 8].contains(orientation)
            let flipped = [3, 4, 6, 7].contains(orientation)
            return (flipped ? height - 1 - row : row) * width + (mirrored ? width - 1 - column : column)
        }
        func moved<Sample>(_ samples: [Sample]) -> [Sample] {
            var result: [Sample] = []
            result.reserveCapacity(samples.count)
            for y in 0..<newHeight {
                for x in 0..<newWidth {
                    let start = source(x, y) * 3
                    result += samples[start..<start + 3]
                }
            }
            return result
        }
        switch samples {
        case .uint8(let octets): return Image(width: newWidth, height: newHeight, rgb: moved(octets))
        case .float32(let floats): return Image(width: newWidth, height: newHeight, rgb: moved(floats))
        }
    }
}
