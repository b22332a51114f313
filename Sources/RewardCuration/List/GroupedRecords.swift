/// A part's records, group by group.
struct GroupedRecords {
    private let records: [CandidateRecord]
    private let order: [UInt32]
    /// Places of each group's members in the order by group.
    let ranges: [Range<Int>]

    init(_ records: [CandidateRecord]) {
        self.records = records
        // Sixteen bytes move when sorting, not ninety-six; dealt by a byte first, few are left to compare.
        var starts = [Int](repeating: 0, count: 257)
        for record in records { starts[Self.digit(record) + 1] += 1 }
        for digit in 0..<256 { starts[digit + 1] += starts[digit] }
        var next = starts
        var keys = [Key](repeating: Key(group: 0, index: 0), count: records.count)
        for (index, record) in records.enumerated() {
            let digit = Self.digit(record)
            keys[next[digit]] = Key(group: record.group.0, index: UInt32(index))
            next[digit] += 1
        }
        keys.withUnsafeMutableBufferPointer { keys in
            for digit in 0..<256 where starts[digit + 1] - starts[digit] > 1 {
                // In place: a slice of an array would be copied.
                var slice = UnsafeMutableBufferPointer(rebasing: keys[starts[digit]..<starts[digit + 1]])
                slice.sort { one, other in
                    if one.group != other.group { return one.group < other.group }
                    return records[Int(one.index)].group.1 < records[Int(other.index)].group.1
                }
            }
        }
        order = keys.map(\.index)
        var ranges: [Range<Int>] = []
        var start = 0
        for place in order.indices {
            let next = place + 1
            if next == order.count || records[Int(order[next])].group != records[Int(order[place])].group {
                ranges.append(start..<next)
                start = next
            }
        }
        self.ranges = ranges
    }

    /// A byte of the group's hash below the one that chose the part.
    private static func digit(_ record: CandidateRecord) -> Int { Int(record.group.0 >> 48 & 0xff) }

    private struct Key {
        var group: UInt64
        var index: UInt32
    }

    func members(_ range: Range<Int>) -> [CandidateRecord] {
        range.map { records[Int(order[$0])] }
    }
}
