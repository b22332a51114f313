import RewardModel

/// Lines that are fine alone but not together: duplicates, and two prompts in one group.
enum Clashes {
    /// Finds the clashes among one group's members.
    static func find(_ members: [CandidateRecord], _ list: CandidateList, _ problems: inout ListProblems) throws {
        guard members.count > 1 else { return }
        if members.contains(where: { $0.prompt != members[0].prompt }) {
            let inOrder = members.sorted { $0.line < $1.line }
            let first = try list.line(at: inOrder[0].offset)
            for other in inOrder where other.prompt != inOrder[0].prompt {
                let line = try list.line(at: other.offset)
                problems.add(
                    ListProblem(
                        line: other.line,
                        text: "group \(quoted(line.group ?? "")) has the prompt \(quoted(line.prompt)) here and "
                            + "\(quoted(first.prompt)) in line \(inOrder[0].line)"))
            }
        }
        // Numbers first: records are only sorted where two of them may name one image.
        var images = members.map(\.image)
        images.sort()
        guard zip(images, images.dropFirst()).contains(where: ==) else { return }
        let byImage = members.sorted { ($0.image, $0.line) < ($1.image, $1.line) }
        var start = 0
        for index in byImage.indices.dropFirst() {
            guard byImage[index].image == byImage[start].image else {
                start = index
                continue
            }
            let (one, other) = (try list.line(at: byImage[start].offset), try list.line(at: byImage[index].offset))
            guard one.image == other.image else { continue }
            let text = "the same image and prompt as line \(byImage[start].line): \(quoted(other.image))"
            problems.add(ListProblem(line: byImage[index].line, text: text))
        }
    }
}
