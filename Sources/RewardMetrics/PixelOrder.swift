import Glibc

/// The pixels of a map in ascending order of their values: what both kinds of AUC are read from.
public struct PixelOrder {
    private let map: [Float]
    private let order: [Int32]

    /// Sorts in time proportional to the number of pixels, by three passes over 11 bits each.
    ///
    /// - Parameter map: finite values.
    public init(_ map: [Float]) {
        self.map = map
        // Bits ordered as the numbers are; -0 becomes 0 first, to which it is equal.
        let keys = map.map { value in
            let bits = (value + 0).bitPattern
            return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
        }
        var order = (0..<Int32(map.count)).map { $0 }
        var sorted = order
        for shift: UInt32 in [0, 11, 22] {
            var starts = [Int](repeating: 0, count: 2049)
            for key in keys { starts[Int(key >> shift & 2047) + 1] += 1 }
            for digit in 0..<2048 { starts[digit + 1] += starts[digit] }
            for index in order {
                let digit = Int(keys[Int(index)] >> shift & 2047)
                sorted[starts[digit]] = index
                starts[digit] += 1
            }
            swap(&order, &sorted)
        }
        self.order = order
    }

    /// The chance that a fixated pixel lies above a negative one, ties counting one half; the pixels that are not
    /// fixated are the negatives, each by its weight. Nil without a fixated pixel or a negative with weight.
    public func area(fixations: [Bool], weight: (Int) -> Double) -> Double? {
        precondition(fixations.count == map.count, "a flag for each pixel")
        var (below, sum, positives) = (0.0, 0.0, 0)
        var start = 0
        while start < order.count {
            let value = map[Int(order[start])]
            var (tiedPositives, tiedWeight) = (0, 0.0)
            var end = start
            while end < order.count, map[Int(order[end])] == value {
                let pixel = Int(order[end])
                if fixations[pixel] { tiedPositives += 1 } else { tiedWeight += weight(pixel) }
                end += 1
            }
            sum += Double(tiedPositives) * (below + tiedWeight / 2)
            below += tiedWeight
            positives += tiedPositives
            start = end
        }
        guard positives > 0, below > 0 else { return nil }
        return sum / (Double(positives) * below)
    }
}

func logarithm(_ x: Double) -> Double { log(x) }
