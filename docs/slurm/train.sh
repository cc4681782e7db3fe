#!/bin/bash
# sbatch train.sh: two machines of eight GPUs, one worker each, and a folder that both share.
#SBATCH --nodes=2 --ntasks-per-node=1 --gpus-per-node=8 --signal=TERM@120 --requeue
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed 's/.*/"&:2222"/' | paste -sd,)
export hosts
srun bash -c 'export TF_CONFIG="{\"cluster\": {\"worker\": [$hosts]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
python tools/train.py --config=zoo/NAME.py --data_dir=DATA --workdir=/shared/RUN --strategy=multi_worker --fail_on_signal'
if [ $? -eq 143 ]; then scontrol requeue "$SLURM_JOB_ID"; fi # ended by SIGTERM: goes on later
